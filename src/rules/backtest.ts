import type { Effects } from '../model/commit.ts'
import type { EventView } from '../model/event.ts'
import { BacktestLines } from './backtest-lines.ts'
import type { BacktestLine } from './backtest-lines.ts'
import { EventStream } from './event-stream.ts'
import type { Matcher } from './matching/matcher.ts'
import type { CompiledRuleset } from './rule.ts'

/** How many events pass between two looks for firings that have become final. */
const RELEASE_EVERY = 1_024

export interface BacktestOptions {
  readonly ruleset: CompiledRuleset
  readonly matcherFor: (ruleset: CompiledRuleset) => Matcher
  readonly reorderMs: number
  readonly onLine: (line: BacktestLine) => void
}

/**
 * Runs rules over events in their order of arrival (design §4.1): now is the running maximum of
 * event time, each event included; at the end time passes until everything has settled.
 */
export class Backtest {
  readonly #stream: EventStream
  readonly #lines: BacktestLines
  #events = 0
  #nowMs = -Infinity

  constructor(options: BacktestOptions) {
    const { ruleset, matcherFor, reorderMs } = options
    this.#lines = new BacktestLines(options.onLine, { namesPartition: false })
    const { onFiring } = this.#lines
    this.#stream = new EventStream({ ruleset, matcherFor, reorderMs, onFiring })
  }

  /** Takes the next event of the file; keeps nothing of the view. */
  event(view: EventView): void {
    this.#nowMs = Math.max(this.#nowMs, view.timeMs)
    const effects = this.#stream.arrive(view, this.#nowMs)
    if (effects !== undefined) this.#lines.tell(effects)
    if (++this.#events % RELEASE_EVERY === 0) this.#lines.release(this.#stream.finalMs)
  }

  /** There are no more events: lets everything settle and tells the summary. */
  finish(): void {
    for (;;) {
      const effects: Effects | undefined = this.#stream.passToDue()
      if (effects === undefined) break
      this.#lines.tell(effects)
      this.#lines.release(this.#stream.finalMs)
    }
    this.#lines.tell(this.#stream.end())
    const matches = this.#stream.stats().reduce((sum, stats) => sum + stats.matches, 0)
    this.#lines.finish({ events: this.#events, matches })
  }
}
