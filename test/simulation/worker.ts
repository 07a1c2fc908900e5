/** One thread of `npm run simulate`: runs its share of the seeds and tells of each. */
import { parentPort, workerData } from 'node:worker_threads'
import { runChecked } from './run-checked.ts'

const { from, to, step } = workerData as { from: number; to: number; step: number }

for (let seed = from; seed < to; seed += step) parentPort!.postMessage(await runChecked(seed))
