/**
 * The protocol between the threads of one process (design §4.5). The same messages travel over
 * worker ports in production and by direct calls in tests.
 */
import type { CommandRequest, CommandResult } from '../model/command.ts'
import type { Matches } from '../model/matches.ts'
import type { Occurrence } from '../model/occurrence.ts'
import type { AttemptReport } from '../model/outbox.ts'
import type { RulesetSource } from '../model/ruleset.ts'
import type { Durable, Slab } from '../model/slab.ts'
import type { CoreStats } from '../model/stats.ts'

/** main → intake, then intake → core: the rule set from the next slab on. */
export interface RulesMessage {
  readonly kind: 'rules'
  readonly hash: string
  readonly source: RulesetSource
}

export type ToJournal =
  | { readonly kind: 'slab'; readonly slab: Slab }
  /** No record below these positions may be dropped. */
  | { readonly kind: 'retain'; readonly below: Readonly<Record<string, number>> }
  | { readonly kind: 'stop' }

export type FromJournal =
  | { readonly kind: 'durable'; readonly durable: Durable }
  /** The slab could not be written (disk full): its records are not accepted. */
  | {
      readonly kind: 'refused'
      readonly partition: string
      readonly thread: number
      readonly seq: number
      readonly message: string
    }

export type ToCore =
  | { readonly kind: 'durable'; readonly durable: Durable }
  | { readonly kind: 'matches'; readonly matches: Matches }
  | {
      readonly kind: 'refused'
      readonly partition: string
      readonly thread: number
      readonly seq: number
    }
  | RulesMessage
  | { readonly kind: 'command'; readonly request: CommandRequest }
  | { readonly kind: 'attempt'; readonly report: AttemptReport }
  | { readonly kind: 'stop' }

export type FromCore =
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'result'; readonly result: CommandResult }
  /** Something was committed that the outbox or the page should look at. */
  | { readonly kind: 'committed'; readonly lastNo: number; readonly deliveries: number }
  | { readonly kind: 'active'; readonly hash: string }
  | { readonly kind: 'stats'; readonly stats: CoreStats }

/** Any thread → main. */
export interface OccurrenceMessage {
  readonly kind: 'occurrence'
  readonly occurrence: Occurrence
}

/** The slab's name within a process. */
export function slabName(slab: { partition: string; thread: number; seq: number }): string {
  return `${slab.partition} ${slab.thread} ${slab.seq}`
}
