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

/** Some times what a seed needs; a broken engine must not take the machine with it. */
const HEAP_MB = 1_000
/** A world's garbage dies young, if it is given the time. */
const YOUNG_MB = 64
/** Of the whole process: typed arrays and SQLite lie outside the heap. */
const MEMORY_BYTES = 3 * 2 ** 30
const LOOK_MS = 250

/**
 * Runs seeds on several threads, dealt round; `onResult` returns false to end early. Throws when a
 * thread fails, or when all of them together take more memory than any world may.
 */
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
  const end = (): void => {
    isOver = true
    for (const worker of workers) void worker.terminate()
  }
  const ends = Array.from({ length: jobs }, (_, i) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { from: from + i, to: from + seeds, step: jobs },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    })
    workers.push(worker)
    worker.on('message', (told: Told) => {
      if (isOver) return
      sum.run++
      if (told.failures.length > 0) sum.failed++
      for (const name of ['commits', 'processes', 'steps', 'virtualMs'] as const) {
        sum[name] += told[name]
      }
      if (!onResult(told)) end()
    })
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', () => resolve())
    })
  })
  const watch = watchMemory()
  try {
    await Promise.race([Promise.all(ends), watch.exceeded])
  } finally {
    watch.stop()
    end()
  }
  return sum
}

function watchMemory(): { readonly exceeded: Promise<never>; stop(): void } {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setInterval(() => {
    const { rss } = process.memoryUsage()
    if (rss <= MEMORY_BYTES) return
    reject(new Error(`the worlds take ${(rss / 2 ** 20).toFixed(0)} MB: something grows for ever`))
  }, LOOK_MS)
  // Nobody may be listening any more.
  promise.catch(() => undefined)
  return { exceeded: promise, stop: () => clearInterval(timer) }
}
