import type { Effects, LedgerDelta, Recompute } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { Matches } from '../../src/model/matches.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Engine, EngineOptions } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'
import type { FiringSink } from '../../src/rules/windows/rule-windows.ts'
import { MatchRowsOf } from './match-rows.ts'
import type { Sent } from './match-rows.ts'

export interface DriverOptions {
  readonly reorderMs?: number
  /** Also collect firings; live runs do not. */
  readonly firings?: boolean
  readonly engine?: Partial<EngineOptions>
}

/** Runs an engine the way the core does, one slice after another. `received` = running maximum. */
export class EngineDriver {
  engine: Engine
  ruleset: CompiledRuleset
  readonly partitions: PartitionTracker
  readonly changes: EpisodeChange[] = []
  readonly ledger: LedgerDelta[] = []
  readonly recomputes: Recompute[] = []
  readonly firings = new Map<string, { rule: string; group: string; atMs: number; value: number }>()
  readonly reorderMs: number
  nowMs = 0
  /** Of the last entry. */
  no = 0
  readonly #next = new Map<string, number>()
  readonly #options: DriverOptions

  constructor(ruleset: CompiledRuleset, options: DriverOptions = {}) {
    this.reorderMs = options.reorderMs ?? 5_000
    this.#options = options
    this.ruleset = ruleset
    const timing = { reorderMs: this.reorderMs, idleAfterMs: 60_000 }
    this.partitions = new PartitionTracker([], () => timing)
    this.engine = this.#newEngine()
  }

  /** One slice of one slab. */
  send(records: readonly Sent[], partition = 'gelf@1'): readonly EpisodeChange[] {
    return this.slice([records], partition)
  }

  slice(slabs: readonly (readonly Sent[])[], partition = 'gelf@1'): readonly EpisodeChange[] {
    const from = this.#next.get(partition) ?? 0
    let position = from
    const matches: Matches[] = []
    for (const records of slabs) {
      matches.push(this.#matches(records, partition, position))
      position += records.length
    }
    const context = { nowMs: this.nowMs, partitions: this.partitions, no: ++this.no }
    this.engine.apply({ partition, from, matches }, context)
    let to = from
    for (const { count, maxTimeMs, receivedMs } of matches) {
      to += count
      this.partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs: this.nowMs })
    }
    this.#next.set(partition, to)
    this.engine.advance(context)
    return this.#take()
  }

  /** Other traffic moves the watermark. */
  passTo(timeMs: number, partition = 'gelf@1'): readonly EpisodeChange[] {
    return this.send([{ timeMs }], partition)
  }

  /** Until every episode has settled and every window is empty. */
  settle(partition = 'gelf@1'): readonly EpisodeChange[] {
    const before = this.changes.length
    while (this.engine.nextDueMs() < Infinity) {
      this.passTo(this.engine.nextDueMs() + this.reorderMs + 1, partition)
    }
    return this.changes.slice(before)
  }

  reload(ruleset: CompiledRuleset): readonly EpisodeChange[] {
    this.ruleset = ruleset
    const no = ++this.no
    this.engine = this.#newEngine({ previous: this.engine, no })
    this.engine.advance({ nowMs: this.nowMs, partitions: this.partitions, no })
    return this.#take()
  }

  #newEngine(replaced?: { readonly previous: Engine; readonly no: number }): Engine {
    const onFiring: FiringSink = ({ rule, group, ref, atMs, value }) => {
      this.firings.set(`${rule.id} ${ref}`, { rule: rule.id, group, atMs, value })
    }
    return createEngine({
      ruleset: this.ruleset,
      reorderOf: () => this.reorderMs,
      ...(this.#options.firings === true ? { onFiring } : {}),
      ...this.#options.engine,
      ...replaced,
    })
  }

  #take(): readonly EpisodeChange[] {
    const effects: Effects = this.engine.take()
    this.changes.push(...effects.episodes)
    this.ledger.push(...effects.ledger)
    this.recomputes.push(...effects.recomputes)
    return effects.episodes
  }

  #matches(records: readonly Sent[], partition: string, from: number): Matches {
    this.nowMs = Math.max(this.nowMs, ...records.map(({ timeMs }) => timeMs))
    return new MatchRowsOf(this.ruleset, partition, from).slab(records, this.nowMs)
  }
}
