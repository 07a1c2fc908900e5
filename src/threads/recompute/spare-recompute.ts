import { Worker } from 'node:worker_threads'

import type { Occurrence, Report } from '../../model/occurrence.ts'
import type { RecomputeOutcome, RecomputeTask } from '../core/recompute-run.ts'
import type { RunRecompute } from '../core/recomputer.ts'
import type { ThreadSettings } from '../thread-settings.ts'

/** Heap of the thread: rows lie outside of it, in typed arrays with a cap of their own. */
const HEAP_MB = 256

/** What the thread is started with. */
export interface RecomputeWork {
  readonly settings: Pick<ThreadSettings, 'data' | 'selfKey'>
  readonly content: string
  readonly task: RecomputeTask
}

export type FromRecompute =
  | { readonly kind: 'occurrence'; readonly occurrence: Occurrence }
  | { readonly kind: 'done'; readonly outcome: RecomputeOutcome }

/** Passes over the journal in a thread of their own, beside the core: one thread for each pass. */
export class SpareRecompute {
  readonly #settings: RecomputeWork['settings']
  readonly #report: Report
  #worker: Worker | undefined

  constructor({ data, selfKey }: RecomputeWork['settings'], report: Report) {
    this.#settings = { data, selfKey }
    this.#report = report
  }

  readonly run: RunRecompute = (content, task) =>
    new Promise((resolve, reject) => {
      const workerData: RecomputeWork = { settings: this.#settings, content, task }
      const extension = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'
      const worker = new Worker(new URL(`./recompute-worker${extension}`, import.meta.url), {
        workerData,
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      })
      this.#worker = worker
      worker.on('message', (message: FromRecompute) => {
        if (message.kind === 'done') resolve(message.outcome)
        else this.#report(message.occurrence)
      })
      worker.on('error', reject)
      worker.on('exit', (code) => {
        // After an answer or an error this says nothing more.
        reject(new Error(`the thread that reads late matches back ended with ${code}`))
        if (this.#worker === worker) this.#worker = undefined
      })
    })

  /** Ends a pass under way; its groups stay outstanding. */
  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }
}
