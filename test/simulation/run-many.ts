import { Worker } from 'node:worker_threads'
import type { Told } from './run-checked.ts'

export interface Figures {
  readonly run: number
  readonly failed: number
  readonly commits: number
  readonly processes: number
  readonly steps: number
  readonly virtualMs: number
}

/** Runs seeds on several threads, dealt round; `onResult` returns false to end early. */
export async function runMany(options: {
  readonly from: number
  readonly seeds: number
  readonly jobs: number
  readonly onResult: (told: Told) => boolean
}): Promise<Figures> {
  const { from, seeds, jobs, onResult } = options
  const sum = { run: 0, failed: 0, commits: 0, processes: 0, steps: 0, virtualMs: 0 }
  let isOver = false
  const workers: Worker[] = []
  const ends = Array.from({ length: jobs }, (_, i) => {
    const data = { from: from + i, to: from + seeds, step: jobs }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: data })
    workers.push(worker)
    worker.on('message', (told: Told) => {
      if (isOver) return
      sum.run++
      if (told.failures.length > 0) sum.failed++
      for (const name of ['commits', 'processes', 'steps', 'virtualMs'] as const) {
        sum[name] += told[name]
      }
      if (onResult(told)) return
      isOver = true
      for (const other of workers) void other.terminate()
    })
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => resolve())
    })
  })
  await Promise.all(ends)
  return sum
}
