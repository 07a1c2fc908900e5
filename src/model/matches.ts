import type { GroupKey } from './group.ts'
import type { SlabSource } from './slab.ts'

/**
 * What the matcher found in one slab, as columns: row i says that record `ordinal[i]` satisfied
 * rule number `rule[i]` of the rule set. Sent for every slab, also when there are no rows: it
 * moves the partition's position and watermark.
 */
export interface Matches {
  readonly partition: string
  readonly thread: number
  readonly seq: number
  /** Hash of the rule set that evaluated the slab; a slice never mixes two. */
  readonly ruleset: string
  /** Records in the slab. */
  readonly count: number
  readonly receivedMs: number
  /** Greatest min(time, received) over the slab's records; -Infinity when there are none. */
  readonly maxTimeMs: number
  readonly rows: MatchRows
  readonly sums: readonly SloSum[]
  /** Matches that could not be grouped (`on_missing: skip`), by rule number and hour of event time. */
  readonly missingGroup: readonly {
    readonly rule: number
    readonly hourMs: number
    readonly count: number
  }[]
  /** Its records are gone from the journal: positions that nobody can evaluate any more. */
  readonly isHole?: boolean
  /** Of a slab that was read from a log of its own: how far that is read with it. */
  readonly source?: Pick<SlabSource, 'to' | 'poison'>
}

/** Rows are in the order of (ordinal, rule). All columns have the same length. */
export interface MatchRows {
  readonly length: number
  /** Index into the rule set's rules. */
  readonly rule: Uint32Array
  /** Record within the slab, from 0. */
  readonly ordinal: Uint32Array
  /** Event time in ms UTC on the rule's own clock (`received` for `clock: received`). */
  readonly timeMs: Float64Array
  /**
   * Greatest min(time, received) over records 0…ordinal of the slab: with the partition's own
   * maximum before the slab it gives the witnessed watermark at this position (admission).
   */
  readonly maxTimeMs: Float64Array
  /** The record's 64-bit hash, two halves: second key of a rule's order. */
  readonly hashHigh: Uint32Array
  readonly hashLow: Uint32Array
  readonly group: readonly GroupKey[]
}

/** SLO counts of one slab, added up: `slo` is the index into the rule set's objectives. */
export interface SloSum {
  readonly slo: number
  readonly group: GroupKey
  /** Start of the minute of event time, ms UTC. */
  readonly minuteMs: number
  readonly total: number
  readonly bad: number
}
