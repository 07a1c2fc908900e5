import { loadRulesOnce } from '../core/loaded-rules.ts'
import type { LoadRules } from '../core/loaded-rules.ts'
import type { FromRebuild, ToRebuild } from '../messages.ts'
import { RebuildRun } from './rebuild-run.ts'
import type { RebuildSources } from './rebuild-run.ts'

export interface RebuildDeskOptions {
  /** Opens what a job reads; closed when it has ended. */
  readonly open: () => RebuildSources & { readonly close: () => void }
  /** Compiles rule sets; default: remembers the last one. */
  readonly loadRules?: LoadRules
  /** `transfer`: buffers that the answer need not copy. */
  readonly post: (message: FromRebuild, transfer?: readonly ArrayBuffer[]) => void
  /** The journal or the input log could not be read, or a promise of ours is broken. */
  readonly onFatal: (error: Error) => void
}

/**
 * The spare thread's side of a rebuild: one job at a time, its messages in the order in which they
 * came. A job that is not wanted any more stops in the middle of its pass.
 */
export class RebuildDesk {
  readonly #options: RebuildDeskOptions
  readonly #loadRules: LoadRules
  readonly #waiting: ToRebuild[] = []
  /** The latest job that is wanted. */
  #job: number | undefined
  #open: { readonly run: RebuildRun; readonly close: () => void } | undefined
  #working: Promise<void> | undefined

  constructor(options: RebuildDeskOptions) {
    this.#options = options
    this.#loadRules = options.loadRules ?? loadRulesOnce()
  }

  receive(message: ToRebuild): void {
    if (message.kind === 'begin') this.#job = message.job
    else if (message.kind === 'drop' && message.job === this.#job) this.#job = undefined
    this.#waiting.push(message)
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  /** Lets go of the job; resolves when nothing is read any more. */
  async stop(): Promise<void> {
    this.#job = undefined
    this.#waiting.length = 0
    await this.#working
    this.#end()
  }

  async #work(): Promise<void> {
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        if (next.job === this.#job) await this.#do(next)
        else this.#end()
      }
    } catch (error) {
      this.#options.onFatal(error as Error)
    }
  }

  async #do(message: ToRebuild): Promise<void> {
    const { open, post } = this.#options
    const { job } = message
    if (message.kind === 'begin') {
      this.#end()
      const sources = open()
      const run = new RebuildRun(sources, this.#loadRules(message.source), message.rules)
      this.#open = { run, close: sources.close }
      return
    }
    const run = this.#open?.run
    if (run === undefined) throw new Error(`rebuild ${job} goes on without having begun`)
    if (message.kind === 'pass') {
      await run.pass(message.pass, () => job === this.#job)
      post({ kind: 'passed', job, counts: run.counts })
    } else if (message.kind === 'finish') {
      this.#end()
      const rebuilt = run.finish(message.partitions, message.nowMs)
      const buffers = rebuilt.buckets.map(({ blob }) => blob.buffer as ArrayBuffer)
      post({ kind: 'rebuilt', job, rebuilt, counts: run.counts }, buffers)
    }
  }

  #end(): void {
    this.#open?.close()
    this.#open = undefined
  }
}
