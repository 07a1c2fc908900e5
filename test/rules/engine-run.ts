import type { Effects, SavedBucket } from '../../src/model/commit.ts'
import type { PartitionState } from '../../src/model/partition.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Engine, EngineOptions } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'
import { RULE_BUCKET } from '../../src/rules/windows/group-hash.ts'
import { MatchRowsOf } from './match-rows.ts'
import type { Sent } from './match-rows.ts'

/** What the input log holds: a slice of one partition, or a reload. */
export type Entry =
  | { readonly kind: 'records'; readonly partition: string; readonly records: readonly Sent[] }
  | { readonly kind: 'rules'; readonly ruleset: CompiledRuleset }

const TIMING = { reorderMs: 3, idleAfterMs: 60_000 }
const NOW_MS = 1_000

/** An engine that runs numbered entries the way the core does, and can be recovered. */
export class EngineRun {
  engine: Engine
  ruleset: CompiledRuleset
  readonly partitions: PartitionTracker
  readonly #next = new Map<string, number>()
  readonly #options: Partial<EngineOptions>

  constructor(
    ruleset: CompiledRuleset,
    options: Partial<EngineOptions> = {},
    checkpoint?: {
      readonly partitions: readonly PartitionState[]
      readonly watermarks: Record<string, number>
    },
  ) {
    this.ruleset = ruleset
    this.#options = options
    const states = checkpoint?.partitions ?? []
    this.partitions = new PartitionTracker(states, () => TIMING)
    for (const { id, next } of states) this.#next.set(id, next)
    const watermarks = checkpoint?.watermarks ?? {}
    this.engine = createEngine({ ...options, ruleset, reorderOf, watermarks })
  }

  /** By default time goes so fast that refused matches are handed over within a log. */
  apply(entry: Entry, no: number, nowMs = NOW_MS + no * 20_000): Effects {
    const context = { nowMs, partitions: this.partitions, no }
    if (entry.kind === 'rules') {
      const { ruleset } = entry
      this.ruleset = ruleset
      this.engine = createEngine({
        ...this.#options,
        ruleset,
        reorderOf,
        previous: this.engine,
        no,
      })
    } else {
      const { partition, records } = entry
      const from = this.#next.get(partition) ?? 0
      const slab = new MatchRowsOf(this.ruleset, partition, from).slab(records, NOW_MS)
      this.engine.apply({ partition, from, matches: [slab] }, context)
      const to = from + records.length
      const { maxTimeMs, receivedMs } = slab
      this.partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs })
      this.#next.set(partition, to)
    }
    this.engine.advance(context)
    return this.engine.take()
  }

  /** Every bucket of every rule that has state, as text. All count as saved from then on. */
  state(): ReadonlyMap<string, string> {
    const state = new Map<string, string>()
    for (const { ruleId, stateHash } of this.engine.stateHashes()) {
      for (let bucket = 0; bucket <= RULE_BUCKET; bucket++) {
        const blob = this.engine.save({ ruleId, stateHash, bucket })
        const name = `${ruleId}/${stateHash}/${bucket}`
        if (blob.length > 0) state.set(name, Buffer.from(blob).toString('base64'))
      }
    }
    return state
  }
}

function reorderOf(): number {
  return TIMING.reorderMs
}

interface CycleBegin {
  readonly fromNo: number
  readonly ruleset: CompiledRuleset
  readonly watermarks: Record<string, number>
  readonly partitions: readonly PartitionState[]
}

/**
 * Checkpoints as the core and the store make them: a cycle begins at an entry with what is dirty
 * then; its buckets are written between the entries that follow, so that each holds another one.
 */
export class Checkpoints {
  readonly #stored = new Map<string, SavedBucket>()
  #complete: CycleBegin
  #waiting: Omit<SavedBucket, 'no' | 'blob'>[] = []
  #begin: CycleBegin | undefined

  constructor(ruleset: CompiledRuleset) {
    this.#complete = { fromNo: 1, ruleset, watermarks: {}, partitions: [] }
  }

  /** Where a replay starts. */
  get fromNo(): number {
    return this.#complete.fromNo
  }

  /** The latest entry that any stored bucket holds. */
  get storedNo(): number {
    return Math.max(0, ...Array.from(this.#stored.values(), ({ no }) => no))
  }

  /** Between two entries: writes so many buckets. `no` is the last entry that was run. */
  step(run: EngineRun, no: number, buckets: number): void {
    if (this.#begin === undefined) {
      this.#begin = {
        fromNo: no + 1,
        ruleset: run.ruleset,
        watermarks: run.engine.watermarks(),
        partitions: run.partitions.states(),
      }
      this.#waiting = run.engine.dirty()
    }
    for (const name of this.#waiting.splice(0, buckets)) {
      const blob = run.engine.save(name)
      this.#stored.set(JSON.stringify(name), { ...name, no, blob })
    }
    if (this.#waiting.length === 0) this.#finish(this.#begin)
  }

  /** After a reload the cycle begins anew. */
  restart(): void {
    this.#begin = undefined
  }

  recover(options: Partial<EngineOptions> = {}): EngineRun {
    const run = new EngineRun(this.#complete.ruleset, options, this.#complete)
    // In another order: partitions get other numbers than in the process before.
    for (const saved of [...this.#stored.values()].toReversed()) run.engine.load(saved)
    return run
  }

  #finish(begin: CycleBegin): void {
    this.#complete = begin
    this.#begin = undefined
    const inForce = begin.ruleset.rules.map(({ id, stateHash }) => `${id} ${stateHash}`)
    for (const [key, { ruleId, stateHash }] of this.#stored) {
      if (!inForce.includes(`${ruleId} ${stateHash}`)) this.#stored.delete(key)
    }
  }
}
