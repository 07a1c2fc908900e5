import type { RebuildPass, RebuildPlan } from '../../model/commit.ts'
import type { PartitionState } from '../../model/partition.ts'
import type { Rebuilt } from '../../rules/rebuild.ts'
import type { Rule } from '../../rules/rule.ts'
import type { RebuildJob } from './rebuild-job.ts'
import { readsPartition } from './rebuild-plan.ts'
import type { PlannedRebuild } from './rebuild-plan.ts'

/** So few records are left that the core may wait for them: some 20 ms. */
export const NEAR_RECORDS = 1_000
/**
 * A spare thread that is slower than what comes in never gets near. After so many passes the core
 * waits for what is left, which does not grow while it waits.
 */
const PASSES_MAX = 32

/** Where the core's log ends: what has been evaluated, and the number of the next entry. */
export interface LogEnd {
  readonly partitions: readonly PartitionState[]
  readonly nextNo: number
}

/**
 * A rebuild that follows the core (I8): pass after pass up to what the core has evaluated
 * meanwhile, each shorter than the one before, until the rest can be waited for.
 */
export class RebuildChase {
  readonly job: RebuildJob
  readonly #edited: readonly Rule[]
  readonly #nearRecords: number
  readonly #warming: RebuildPlan['warming']
  /** One past the last record that was ordered, by partition. */
  readonly #ordered: Map<string, number>
  /** … and one past the last evaluated, also of partitions that are forgotten meanwhile. */
  readonly #evaluated: Map<string, number>

  /** `nextNo`: as it is when the first pass was planned. */
  constructor(
    job: RebuildJob,
    edited: readonly Rule[],
    start: {
      readonly planned: PlannedRebuild
      readonly nextNo: number
      /** So few records left can be waited for. */
      readonly nearRecords: number
    },
  ) {
    const { planned, nextNo, nearRecords } = start
    this.job = job
    this.#edited = edited
    this.#nearRecords = nearRecords
    this.#warming = planned.warming
    this.#ordered = new Map(planned.upTo)
    this.#evaluated = new Map(planned.upTo)
    job.pass({ ranges: planned.ranges, clockBelow: nextNo })
  }

  /** What was ordered so far; a replay runs exactly that. */
  get plan(): RebuildPlan {
    const rules = this.#edited.map(({ id }) => id)
    return { rules, warming: this.#warming, passes: [...this.job.passes] }
  }

  /** Orders the next pass where one is worth it; `true` when what is left can be waited for. */
  follow(end: LogEnd): boolean {
    const ranges = this.#left(end)
    if (!this.job.isIdle) return false
    if (this.job.passes.length >= PASSES_MAX) return true
    const records = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    if (records <= this.#nearRecords) return true
    this.#order(ranges, end)
    return false
  }

  /** The state as of the log's end, at which entry `nextNo` brings the rules into force. */
  finish(end: LogEnd, nowMs: number): Promise<Rebuilt> {
    this.#order(this.#left(end), end)
    return this.job.finish(end.partitions, nowMs)
  }

  /** A partition that appeared meanwhile is left from its beginning. */
  #left({ partitions }: LogEnd): RebuildPass['ranges'] {
    for (const { id, next } of partitions) this.#evaluated.set(id, next)
    return [...this.#evaluated]
      .filter(([id]) => this.#edited.some((rule) => readsPartition(rule, id)))
      .map(([id, to]) => ({ partition: id, from: this.#ordered.get(id) ?? 0, to }))
      .filter(({ from, to }) => from < to)
  }

  #order(ranges: RebuildPass['ranges'], { nextNo }: LogEnd): void {
    for (const { partition, to } of ranges) this.#ordered.set(partition, to)
    this.job.pass({ ranges, clockBelow: nextNo })
  }
}
