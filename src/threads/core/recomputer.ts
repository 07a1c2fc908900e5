import type { CoreStore, OutstandingRecompute, RecomputeAnswer } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import type { Evaluated, RecomputeOutcome, RecomputeTask } from './recompute-run.ts'

/** Groups of one pass over the journal. */
const GROUPS_MAX = 4_096
/** After a pass that failed; it may be the disk. */
const RETRY_MS = 60_000
const ATTEMPTS_MAX = 3

/** Works a task out, wherever that may be; `content` is the rule set that it names. */
export type RunRecompute = (content: string, task: RecomputeTask) => Promise<RecomputeOutcome>

export interface RecomputerOptions {
  readonly store: Pick<CoreStore, 'outstandingRecomputes' | 'loadRuleset'>
  readonly run: RunRecompute
  readonly report: Report
  /** An answer is there to be committed. */
  readonly onAnswer: () => void
}

/**
 * Has late matches read back (design §4.2), one pass at a time. What is outstanding lies in the
 * store, so a crash costs the pass under way and nothing else.
 */
export class Recomputer {
  readonly #options: RecomputerOptions
  #mayHaveMore = true
  #isRunning = false
  #isStopped = false
  #answer: RecomputeAnswer | undefined
  #failures = 0
  #notBeforeMs = -Infinity

  constructor(options: RecomputerOptions) {
    this.#options = options
  }

  /** A commit asked for more. */
  asked(): void {
    this.#mayHaveMore = true
  }

  /** What came of the last pass, once, for the next commit. */
  take(): readonly RecomputeAnswer[] {
    const answer = this.#answer
    this.#answer = undefined
    return answer === undefined ? [] : [answer]
  }

  /** Between two commits: begins the next pass, where one is due and none is under way. */
  async step(nowMs: number, evaluated: readonly Evaluated[]): Promise<void> {
    const isBusy = this.#isRunning || this.#answer !== undefined || this.#isStopped
    if (isBusy || !this.#mayHaveMore || nowMs < this.#notBeforeMs) return
    const { store } = this.#options
    const oldest = await store.outstandingRecomputes(GROUPS_MAX)
    const [first] = oldest
    if (first === undefined) {
      this.#mayHaveMore = false
      return
    }
    // One pass has one text of each rule.
    const outstanding = oldest.filter(({ ruleset }) => ruleset === first.ruleset)
    const content = await store.loadRuleset(first.ruleset)
    this.#isRunning = true
    void this.#run(content, { outstanding, evaluated }, nowMs)
  }

  /** A pass under way is left to the next owner. */
  stop(): void {
    this.#isStopped = true
  }

  async #run(content: string | undefined, task: RecomputeTask, nowMs: number): Promise<void> {
    const { run, report, onAnswer } = this.#options
    try {
      if (content === undefined) throw new Error('the rule set is not stored')
      const { answer, ...outcome } = await run(content, task)
      this.#failures = 0
      this.#isRunning = false
      if (this.#isStopped) return
      this.#answer = answer
      const detail = { groups: answer.ids.length, episodes: answer.episodes.length, ...outcome }
      report({ name: 'recompute.finished', detail })
      if (outcome.missingBeforeMs !== null || outcome.isCut) {
        report({ name: 'recompute.incomplete', detail })
      }
    } catch (error) {
      this.#isRunning = false
      if (this.#isStopped) return
      this.#failed(error as Error, task.outstanding, nowMs)
    }
    onAnswer()
  }

  /** Tried again later; what fails time and again is given up, so that the others have a turn. */
  #failed(error: Error, outstanding: readonly OutstandingRecompute[], nowMs: number): void {
    const isGivenUp = ++this.#failures >= ATTEMPTS_MAX
    const detail = { error: error.message, groups: outstanding.length, isGivenUp }
    this.#options.report({ name: 'recompute.failed', detail })
    this.#notBeforeMs = nowMs + RETRY_MS
    if (!isGivenUp) return
    this.#failures = 0
    this.#answer = { ids: outstanding.map(({ id }) => id), episodes: [] }
  }
}
