/** Reads a database from a thread of its own until it holds the wanted number of incidents. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { openSqliteReaders } from '../../src/store/sqlite/readers.ts'

const { file, wanted } = workerData as { file: string; wanted: number }
const { readModel, slo, close } = openSqliteReaders({ file })
let reads = 0
let torn = 0
for (let seen = 0; seen < wanted; reads++) {
  const detail = await readModel.incident('1')
  if (detail !== undefined && detail.episodes.length !== detail.deliveries.length) torn++
  seen = (await readModel.counts()).total.reduce((sum, row) => sum + row.count, 0)
  await slo.totals()
}
await close()
const port = parentPort as MessagePort
port.postMessage({ reads, torn })
