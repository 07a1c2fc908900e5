import type { GroupKey } from '../../model/group.ts'
import type { Rule } from '../rule.ts'
import type { EpisodeContext } from './episodes.ts'
import type { Ledger } from './ledger.ts'
import type { RecordMark } from './record-names.ts'

/** A match on its way into its rule's windows. Reused by the engine: nothing of it is kept. */
export interface Arrival extends RecordMark {
  readonly group: GroupKey
}

/** The keyed state of one rule; one implementation per rule type. */
export interface RuleWindows {
  /** Groups that have state. */
  readonly groups: number
  /** Unsettled episodes. */
  readonly openEpisodes: number
  /** When {@link advance} has something to do next, in event time; Infinity when never. */
  readonly nextDueMs: number
  /** Takes an admitted match. */
  add(arrival: Arrival): void
  /** The rule's watermark has passed {@link nextDueMs}: clears, settles, forgets. */
  advance(): void
  /** The rule is gone or starts anew: settles what is open and accounts for every kept match. */
  close(cause: 'edit' | 'rule_removed'): void
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
  /** Groups with state at one time (I2). */
  readonly groupsMax: number
  /**
   * Told each time an event becomes a firing and again whenever its value has risen; the last
   * call for a record is the settled truth once the watermark is `late_by` past it.
   */
  readonly onFiring: FiringSink | undefined
}

export type FiringSink = (firing: {
  readonly rule: Rule
  readonly group: GroupKey
  /** `partition:position`. */
  readonly ref: string
  readonly atMs: number
  readonly value: number
}) => void
