import type { Effects } from '../model/commit.ts'
import type { Matches } from '../model/matches.ts'
import type { PartitionTracker } from './partition-tracker.ts'

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
  apply(slice: Slice, context: EngineContext): void
  advance(context: EngineContext): void
  take(): Effects
}
