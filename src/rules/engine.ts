import type { Effects, SloDelta } from '../model/commit.ts'
import type { Matches } from '../model/matches.ts'
import { inputOfPartition } from '../model/slab.ts'
import type { RuleStats } from '../model/stats.ts'
import type { PartitionTracker } from './partition-tracker.ts'
import type { CompiledRuleset } from './rule.ts'
import { takeOver } from './rule-runner.ts'
import type { RuleRunner, SharedClock } from './rule-runner.ts'
import { ChangeLog } from './windows/change-log.ts'
import type { EpisodeContext } from './windows/episodes.ts'
import { LedgerBook } from './windows/ledger.ts'
import { RecordNames } from './windows/record-names.ts'
import type { Arrival, FiringSink } from './windows/rule-windows.ts'

/** Consecutive slabs of one partition and one rule set, in order of position. */
export interface Slice {
  readonly partition: string
  /** Position of the first record of the first slab. */
  readonly from: number
  readonly matches: readonly Matches[]
}

export interface EngineContext {
  readonly nowMs: number
  /** Partitions as they are *before* `apply` and *after* the entry for `advance`. */
  readonly partitions: PartitionTracker
}

/**
 * The pure, synchronous function of the input log (design §4.1): windows per rule and group in,
 * episode changes out. `apply` takes the rows of a slice, `advance` lets time pass to the rules'
 * watermarks, `take` hands over and forgets what happened.
 */
export interface Engine {
  /** Throws when a slab was matched with another rule set: a slice never mixes two. */
  apply(slice: Slice, context: EngineContext): void
  advance(context: EngineContext): void
  take(): Effects
  /** Per rule, in the order of the rule set, since the rule was first seen by this process. */
  stats(): RuleStats[]
  /** True when every episode is settled. */
  isQuiet(): boolean
  /**
   * The earliest deadline of any rule in event time: something happens when its watermark has
   * passed it. Infinity when nothing waits.
   */
  nextDueMs(): number
  /** The lowest watermark − late_by over all rules: older firings are final. */
  finalMs(): number
}

/** 100,000 groups per rule (design §4.4). */
const GROUPS_MAX = 100_000

export interface EngineOptions {
  readonly ruleset: CompiledRuleset
  /** Of an input's name, ms: how far its watermark stays behind the latest event. */
  readonly reorderOf: (input: string) => number
  /**
   * The engine that this one replaces at a slab boundary (I8), its effects taken; it must not be
   * used again.
   */
  readonly previous?: Engine
  readonly groupsMax?: number
  /** Collects firings for a backtest; live runs have none. */
  readonly onFiring?: FiringSink
}

export function createEngine(options: EngineOptions): Engine {
  const previous = options.previous
  if (previous !== undefined && !(previous instanceof RuleEngine)) {
    throw new TypeError('previous must come from createEngine')
  }
  return new RuleEngine(options, previous)
}

class RuleEngine implements Engine {
  readonly #ruleset: CompiledRuleset
  readonly #reorderOf: (input: string) => number
  readonly #context: EpisodeContext
  readonly #ledgers: LedgerBook
  readonly #runners: readonly RuleRunner[]
  readonly #clocks: readonly SharedClock[]
  readonly #slo = new Map<string, { -readonly [K in keyof SloDelta]: SloDelta[K] }>()
  readonly #arrival: { -readonly [K in keyof Arrival]: Arrival[K] } = {
    timeMs: 0,
    hashHigh: 0,
    hashLow: 0,
    partition: 0,
    position: 0,
    group: '',
  }

  constructor(options: EngineOptions, previous: RuleEngine | undefined) {
    this.#ruleset = options.ruleset
    this.#reorderOf = options.reorderOf
    this.#context = previous === undefined ? newContext() : previous.#context
    this.#ledgers = previous === undefined ? new LedgerBook() : previous.#ledgers
    const former = previous === undefined ? [] : previous.#runners
    const { runners, clocks } = takeOver(former, options.ruleset.rules, {
      context: this.#context,
      ledgers: this.#ledgers,
      groupsMax: options.groupsMax ?? GROUPS_MAX,
      onFiring: options.onFiring,
    })
    this.#runners = runners
    this.#clocks = clocks
  }

  apply(slice: Slice, context: EngineContext): void {
    const { partition } = slice
    const reorderMs = this.#reorderOf(inputOfPartition(partition))
    const number = this.#context.names.number(partition)
    let from = slice.from
    let eventMs = context.partitions.witnessed(partition, 'event')
    let receivedMs = context.partitions.witnessed(partition, 'received')
    for (const slab of slice.matches) {
      if (slab.ruleset !== this.#ruleset.hash) {
        throw new Error(`slab of rule set ${slab.ruleset} given to ${this.#ruleset.hash}`)
      }
      receivedMs = Math.max(receivedMs, slab.receivedMs - reorderMs)
      this.#applyRows(slab, { partition: number, from, eventMs, receivedMs, reorderMs })
      this.#applySums(slab)
      for (const { rule, count } of slab.missingGroup) {
        this.#runners[rule]!.missingGroup(slab.receivedMs, count)
      }
      eventMs = Math.max(eventMs, slab.maxTimeMs - reorderMs)
      from += slab.count
    }
  }

  advance(context: EngineContext): void {
    this.#context.changes.flush()
    for (const clock of this.#clocks) clock.advance(context.partitions, context.nowMs)
  }

  take(): Effects {
    const slo = [...this.#slo.values()]
    this.#slo.clear()
    return { episodes: this.#context.changes.take(), slo, ledger: this.#ledgers.take() }
  }

  stats(): RuleStats[] {
    return this.#runners.map((runner) => runner.stats())
  }

  isQuiet(): boolean {
    return this.#runners.every(({ windows }) => windows.openEpisodes === 0)
  }

  nextDueMs(): number {
    return Math.min(Infinity, ...this.#clocks.map((clock) => clock.nextDueMs))
  }

  finalMs(): number {
    return Math.min(Infinity, ...this.#clocks.map((clock) => clock.finalMs))
  }

  #applyRows(
    slab: Matches,
    at: {
      readonly partition: number
      readonly from: number
      readonly eventMs: number
      readonly receivedMs: number
      readonly reorderMs: number
    },
  ): void {
    const { rows } = slab
    const arrival = this.#arrival
    arrival.partition = at.partition
    for (let i = 0; i < rows.length; i++) {
      const runner = this.#runners[rows.rule[i]!]!
      arrival.timeMs = rows.timeMs[i]!
      arrival.hashHigh = rows.hashHigh[i]!
      arrival.hashLow = rows.hashLow[i]!
      arrival.position = at.from + rows.ordinal[i]!
      arrival.group = rows.group[i]!
      const eventMs = Math.max(at.eventMs, rows.maxTimeMs[i]! - at.reorderMs)
      runner.take(arrival, runner.rule.clock === 'received' ? at.receivedMs : eventMs)
    }
  }

  #applySums(slab: Matches): void {
    for (const { slo, group, minuteMs, total, bad } of slab.sums) {
      const { id } = this.#ruleset.counters[slo]!
      const key = `${slo} ${minuteMs} ${group}`
      const sum = this.#slo.get(key)
      if (sum === undefined) {
        this.#slo.set(key, { slo: id, group, minuteMs, total, bad })
      } else {
        sum.total += total
        sum.bad += bad
      }
    }
  }
}

function newContext(): EpisodeContext {
  const names = new RecordNames()
  let order = 0
  return { names, changes: new ChangeLog(names), nextOrder: () => order++ }
}
