import type { Effects } from '../model/commit.ts'
import type { EventView } from '../model/event.ts'
import { MatchBuilder } from '../model/match-builder.ts'
import type { RuleStats } from '../model/stats.ts'
import { createEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import type { Matcher } from './matching/matcher.ts'
import { PartitionTracker } from './partition-tracker.ts'
import type { CompiledRuleset } from './rule.ts'
import type { FiringSink } from './windows/rule-windows.ts'

/** The one partition of the stream: an event's ref ends in its index. */
const PARTITION = 'stream@1'

export interface StreamOptions {
  readonly ruleset: CompiledRuleset
  /** Asked once, for the rules as they run here: all of them read the one stream. */
  readonly matcherFor: (ruleset: CompiledRuleset) => Matcher
  readonly reorderMs: number
  readonly onFiring?: FiringSink
}

/**
 * The engine over one stream of events in order of arrival: files and rule tests. Every event is
 * a slice of its own, so what is told does not depend on how a file was read; events that match
 * nothing are put off until a deadline or a match needs them.
 */
export class EventStream {
  readonly #engine: Engine
  readonly #matcher: Matcher
  readonly #partitions: PartitionTracker
  readonly #rows = new MatchBuilder()
  readonly #ruleset: CompiledRuleset
  readonly #reorderMs: number
  #next = 0
  /** Slices run: there is no log that numbers them. */
  #no = 0
  #nowMs = -Infinity
  #dueMs = Infinity
  /** Events taken but not yet told to the engine, and their greatest time. */
  #waiting = 0
  #waitingMaxMs = -Infinity

  constructor(options: StreamOptions) {
    const { reorderMs, onFiring } = options
    const rules = options.ruleset.rules.map((rule) => ({ ...rule, inputs: [] }))
    this.#ruleset = { hash: options.ruleset.hash, rules, counters: [] }
    this.#reorderMs = reorderMs
    this.#matcher = options.matcherFor(this.#ruleset)
    // A stream is alive as long as it lasts: nothing is ever assumed.
    const timing = { reorderMs, idleAfterMs: Infinity }
    this.#partitions = new PartitionTracker([], () => timing)
    this.#engine = createEngine({
      ruleset: this.#ruleset,
      reorderOf: () => reorderMs,
      ...(onFiring === undefined ? {} : { onFiring }),
    })
  }

  /** Takes the next event, which arrives at `nowMs`; `undefined` when nothing came of it. */
  arrive(view: EventView, nowMs: number): Effects | undefined {
    this.#nowMs = Math.max(this.#nowMs, nowMs)
    const timeMs = Math.min(view.timeMs, this.#nowMs)
    this.#matcher.match(view, 0, timeMs, this.#rows)
    if (this.#rows.length === 0) return this.#wait(timeMs)
    const before = this.#waiting === 0 ? undefined : this.#run(this.#waiting, NOTHING)
    this.#waitingMaxMs = timeMs
    const after = this.#run(1)
    return before === undefined ? after : joined(before, after)
  }

  /** Other traffic of that time passes by. */
  passTo(timeMs: number): Effects | undefined {
    this.#nowMs = Math.max(this.#nowMs, timeMs)
    return this.#wait(timeMs)
  }

  /** Lets time pass to the next deadline; `undefined` when there is none left. */
  passToDue(): Effects | undefined {
    if (this.#dueMs === Infinity) return undefined
    const timeMs = this.#dueMs + this.#reorderMs + 1
    this.#nowMs = Math.max(this.#nowMs, timeMs)
    this.#waitingMaxMs = Math.max(this.#waitingMaxMs, timeMs)
    return this.#run(this.#waiting + 1)
  }

  /** What is still to be told when nothing more comes. */
  end(): Effects {
    return this.#run(this.#waiting)
  }

  /** The latest event or passing traffic that does not yet end anything; Infinity for ever. */
  get quietUntilMs(): number {
    return this.#dueMs + this.#reorderMs
  }

  /** Firings before this time are final. */
  get finalMs(): number {
    return this.#engine.finalMs()
  }

  stats(): RuleStats[] {
    return this.#engine.stats()
  }

  #wait(timeMs: number): Effects | undefined {
    this.#waiting++
    this.#waitingMaxMs = Math.max(this.#waitingMaxMs, timeMs)
    return this.#nowMs > this.quietUntilMs ? this.#run(this.#waiting) : undefined
  }

  #run(count: number, rows = this.#rows.finish()): Effects {
    const partition = PARTITION
    const nowMs = this.#nowMs
    const maxTimeMs = this.#waitingMaxMs
    const slab = {
      partition,
      thread: 0,
      seq: 0,
      ruleset: this.#ruleset.hash,
      count,
      receivedMs: nowMs,
      maxTimeMs,
      ...rows,
    }
    const context = { nowMs, partitions: this.#partitions, no: ++this.#no }
    this.#engine.apply({ partition, from: this.#next, matches: [slab] }, context)
    this.#next += count
    this.#partitions.observe(partition, { maxTimeMs, receivedMs: nowMs, to: this.#next, nowMs })
    this.#engine.advance(context)
    this.#waiting = 0
    this.#waitingMaxMs = -Infinity
    this.#dueMs = this.#engine.nextDueMs()
    return this.#engine.take()
  }
}

const NOTHING = new MatchBuilder().finish()

function joined(a: Effects, b: Effects): Effects {
  return {
    episodes: [...a.episodes, ...b.episodes],
    slo: [...a.slo, ...b.slo],
    ledger: [...a.ledger, ...b.ledger],
    recomputes: [...a.recomputes, ...b.recomputes],
  }
}
