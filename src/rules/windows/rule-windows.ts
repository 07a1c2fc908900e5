import type { GroupKey } from '../../model/group.ts'
import type { Rule } from '../rule.ts'
import type { EpisodeContext } from './episodes.ts'
import type { GroupHash } from './group-hash.ts'
import type { Ledger } from './ledger.ts'
import type { BucketLimits } from './limits.ts'
import type { RecordMark } from './record-names.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/** A match on its way into its rule's windows. Reused by the engine: nothing of it is kept. */
export interface Arrival extends RecordMark {
  readonly group: GroupKey
  /** Of the group. */
  readonly hash: GroupHash
  /** Witnessed watermark of the record's own partition at its position. */
  readonly witnessedMs: number
}

/**
 * The keyed state of one bucket of a rule's groups; one implementation per rule type. What it
 * decides follows from its own entries alone (design §4.1), and its state after an entry is a
 * function of the admitted matches and the watermark, however slices were cut.
 */
export interface RuleWindows {
  /** Groups that have state. */
  readonly groups: number
  /** Unsettled episodes. */
  readonly openEpisodes: number
  /** Of some group only what its rule's thresholds can ask for is left, and no more. */
  readonly isTrimmed: boolean
  /** When {@link advance} has something to do next, in event time; Infinity when never. */
  readonly nextDueMs: number
  /** Takes an admitted match. */
  add(arrival: Arrival): void
  /** The rule's watermark has passed {@link nextDueMs}: clears, settles, forgets, a bounded lot. */
  advance(): void
  /** The rule is gone or starts anew: settles what is open and accounts for every kept match. */
  close(cause: 'edit' | 'rule_removed'): void
  /**
   * Goes on under the rule's new text. With `ask`, another threshold is asked of what is kept;
   * without, that was done before this state was saved. Returns whether anything fired.
   */
  adopt(options: WindowOptions, ask: boolean): boolean
  /** Canonical bytes of the state; writes nothing when there is none. */
  write(to: StateWriter): void
  /** Fills empty windows with what {@link write} wrote. */
  read(from: StateReader): void
}

/** The watermark that a rule reads; it never falls. -Infinity before anything was witnessed. */
export interface RuleClock {
  readonly watermarkMs: number
}

export interface WindowOptions {
  readonly rule: Rule
  readonly context: EpisodeContext
  readonly ledger: Ledger
  readonly clock: RuleClock
  /** Of one bucket (I2). */
  readonly limits: BucketLimits
  /** Told of each group that made room, was refused, or lost records to the cap on bytes. */
  readonly onCap: () => void
  /**
   * Told each time an event becomes a firing and again whenever its value has risen; the last
   * call for a record is the settled truth once the watermark is `late_by` past it.
   */
  readonly onFiring: FiringSink | undefined
}

export type WindowsFactory = (options: WindowOptions) => RuleWindows

export type FiringSink = (firing: {
  readonly rule: Rule
  readonly group: GroupKey
  /** `partition:position`. */
  readonly ref: string
  readonly atMs: number
  readonly value: number
}) => void
