import type { EventView } from '../../model/event.ts'
import type { MatchBuilder } from '../../model/match-builder.ts'

/**
 * Finds which rules and counters of a rule set one event satisfies. Stateless; one per input and
 * thread. Rows are added in the order of rule numbers. A record of Tocsin's own log
 * (`view.isOwn`) satisfies nothing.
 */
export interface Matcher {
  /** Conditions of rules and counters that were asked so far: what an index spares is not there. */
  readonly asked: number
  /**
   * `ordinal` is the record's number in its slab, `maxTimeMs` the greatest min(time, received)
   * over the slab's records up to it; both are only passed on into the rows.
   */
  match(view: EventView, ordinal: number, maxTimeMs: number, out: MatchBuilder): void
}
