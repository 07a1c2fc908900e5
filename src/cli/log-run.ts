import { GelfEvent } from '../ingest/normalise/gelf-event.ts'
import type { JournalBatch } from '../ingest/journal/journal.ts'
import type { Effects } from '../model/commit.ts'
import type { InputTiming } from '../model/partition.ts'
import { inputOfPartition } from '../model/slab.ts'
import { correlate, MatchStep, passTime } from '../pipeline.ts'
import { createEngine } from '../rules/engine.ts'
import type { Engine } from '../rules/engine.ts'
import { PartitionTracker } from '../rules/partition-tracker.ts'
import type { CompiledRuleset } from '../rules/rule.ts'
import type { FiringSink } from '../rules/windows/rule-windows.ts'
import type { ClockBody } from '../store/sqlite/clock-entries.ts'
import type { LoadedRules } from '../threads/core/loaded-rules.ts'
import { scanBatch, slabOf } from '../threads/core/rematch.ts'

export interface LogRunOptions {
  readonly rules: LoadedRules
  readonly timing: (input: string) => InputTiming
  readonly onEffects: (effects: Effects) => void
  readonly onFiring?: FiringSink
}

/** One rule set over an input log, entry by entry as the core runs it, its effects only told. */
export class LogRun {
  readonly #rules: LoadedRules
  readonly #ruleset: CompiledRuleset
  readonly #timing: (input: string) => InputTiming
  readonly #partitions: PartitionTracker
  readonly #engine: Engine
  readonly #steps = new Map<string, MatchStep>()
  readonly #onEffects: (effects: Effects) => void
  /** Of the entry that was run last. */
  #no = 0

  constructor({ rules, timing, onEffects, onFiring }: LogRunOptions) {
    this.#rules = rules
    this.#ruleset = rules.ruleset
    this.#timing = timing
    this.#onEffects = onEffects
    this.#partitions = new PartitionTracker([], timing)
    this.#engine = createEngine({
      ruleset: this.#ruleset,
      reorderOf: (input) => timing(input).reorderMs,
      ...(onFiring === undefined ? {} : { onFiring }),
    })
  }

  /** The matcher for records of a partition. */
  step(partition: string): MatchStep {
    const input = inputOfPartition(partition)
    let step = this.#steps.get(input)
    if (step === undefined) {
      step = new MatchStep(this.#rules.matcher(input), this.#ruleset.hash)
      this.#steps.set(input, step)
    }
    return step
  }

  /** The records of a batch have gone through {@link step}: evaluates them. */
  batch(batch: JournalBatch, maxTimeMs: number, nowMs: number): void {
    const { partition, first } = batch
    const matches = [this.step(partition).seal(slabOf(batch), maxTimeMs)]
    const at = { nowMs, ruleset: this.#ruleset.hash, no: ++this.#no }
    const slice = { partition, from: first, matches }
    this.#onEffects(correlate(this.#engine, this.#partitions, slice, at).effects)
  }

  clock(body: ClockBody): void {
    this.#onEffects(passTime(this.#engine, this.#partitions, body, ++this.#no).effects)
  }

  /** From before the range: moves partitions and nothing else. */
  lead(
    entry: { readonly batch: JournalBatch; readonly maxTimeMs: number } | ClockBody,
    nowMs: number,
  ): void {
    if ('kind' in entry) {
      this.#partitions.applyClock(entry)
      return
    }
    const { batch, maxTimeMs } = entry
    const { partition, first, count, receivedMs } = batch
    this.#partitions.observe(partition, { maxTimeMs, receivedMs, to: first + count, nowMs })
  }

  /** Nothing more comes: time passes on every input until everything has settled. */
  settle(fromMs: number): void {
    // Also those that were retired: what waits for them would wait for ever.
    const partitions = this.#partitions
      .states()
      .map(({ id }) => ({ id, link: 'up', progress: 'caught_up' }) as const)
    this.clock({ kind: 'clock', nowMs: fromMs, partitions })
    let nowMs = fromMs
    for (;;) {
      const dueMs = this.#engine.nextDueMs()
      if (dueMs === Infinity) return
      for (const { id, input, next } of this.#partitions.states()) {
        const passedMs = dueMs + this.#timing(input).reorderMs + 1
        nowMs = Math.max(nowMs, passedMs)
        this.#partitions.observe(id, {
          maxTimeMs: passedMs,
          receivedMs: passedMs,
          to: next + 1,
          nowMs,
        })
      }
      this.clock({ kind: 'clock', nowMs, partitions: [] })
    }
  }

  /** Firings before this time are final. */
  get finalMs(): number {
    return this.#engine.finalMs()
  }

  /** Pairs of event and rule so far. */
  get matches(): number {
    return this.#engine.stats().reduce((sum, { matches }) => sum + matches, 0)
  }
}

/** Scans a batch once and shows every record to all the runs; answers its greatest time. */
export function matchBatch(batch: JournalBatch, event: GelfEvent, runs: readonly LogRun[]): number {
  const steps = runs.map((run) => run.step(batch.partition))
  return scanBatch(batch, event, (ordinal, maxTimeMs) => {
    for (const step of steps) step.record(event, ordinal, maxTimeMs)
  })
}
