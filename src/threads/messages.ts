/**
 * The protocol between the threads of one process (design §4.5). The same messages travel over
 * worker ports in production and by direct calls in tests.
 */
import type { DeliveryRoute } from '../alerting/receivers/webhook/deliveries.ts'
import type { ListeningSettings } from '../ingest/graylog/settings.ts'
import type { KafkaInputSettings } from '../ingest/kafka/settings.ts'
import type { CommandRequest, CommandResult } from '../model/command.ts'
import type { RebuildPass } from '../model/commit.ts'
import type { DroppedRecords } from '../model/commit.ts'
import type { Procedure } from '../model/incident.ts'
import type { Matches } from '../model/matches.ts'
import type { Occurrence } from '../model/occurrence.ts'
import type { AttemptReport } from '../model/outbox.ts'
import type { LinkChange, PartitionState } from '../model/partition.ts'
import type { RulesetOrigin, RulesetSource } from '../model/ruleset.ts'
import type { Severity } from '../model/severity.ts'
import type { Durable, Slab } from '../model/slab.ts'
import type { CoreStats } from '../model/stats.ts'
import type { Rebuilt } from '../rules/rebuild.ts'

/** main → intake, then intake → core: the rule set from the next slab on. */
export interface RulesMessage {
  readonly kind: 'rules'
  readonly hash: string
  /**
   * Counts the reloads of the process. Every intake thread passes each on in its own time; the
   * core takes the first of each and none that is older than what it has.
   */
  readonly order: number
  readonly source: RulesetSource
  /** Where it came from, where that is known. */
  readonly origin: RulesetOrigin | null
}

/**
 * main → core: rules that are to come into force. The core answers `prepared` once the state of
 * those that were edited is nearly rebuilt; only then do the intake threads switch, so that what
 * they match is of use to it.
 */
export interface AnnouncedRules extends Omit<RulesMessage, 'kind'> {
  readonly kind: 'announce'
}

/** main or intake → journal. */
export type ToJournal =
  | { readonly kind: 'slab'; readonly slab: Slab }
  /** No record below these positions may be dropped. */
  | { readonly kind: 'retain'; readonly below: Readonly<Record<string, number>> }
  | { readonly kind: 'stop' }

/** journal → intake, and (`stopped`, occurrences) → main. */
export type FromJournal =
  | StoppedMessage
  | OccurrenceMessage
  | FailedMessage
  | { readonly kind: 'durable'; readonly durable: Durable }
  /** The slab could not be written (disk full): its records are not accepted. */
  | {
      readonly kind: 'refused'
      readonly partition: string
      readonly thread: number
      readonly seq: number
      readonly message: string
    }

/** Somebody vouches for an unverified rule (I13). */
export interface ConfirmRequest {
  readonly id: string
  readonly ruleId: string
  readonly actor: string
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
  | LogsFound
  | InputLink
  | AnnouncedRules
  | { readonly kind: 'routing'; readonly routing: Routing }
  | { readonly kind: 'command'; readonly request: CommandRequest }
  | { readonly kind: 'confirm'; readonly request: ConfirmRequest }
  | { readonly kind: 'attempt'; readonly report: AttemptReport }
  /** An input had no room for records that nobody will send again. */
  | { readonly kind: 'dropped'; readonly dropped: DroppedRecords }
  /** The inputs of an intake thread listen since then, ms UTC. */
  | { readonly kind: 'listens'; readonly inputs: readonly OpenedInput[]; readonly atMs: number }
  | { readonly kind: 'senders'; readonly change: LinkChange }
  /** They have listened to the end: the service stops. */
  | { readonly kind: 'hung_up'; readonly atMs: number }
  | { readonly kind: 'stop' }

export interface OpenedInput {
  readonly partition: string
  /** Its senders hold connections: without one nothing can come. */
  readonly hasConnections: boolean
}

/**
 * intake → core: from now on the input reads exactly these logs. Answered by {@link LogsOpened}
 * once everything that was read of its logs before is evaluated.
 */
export interface LogsFound {
  readonly kind: 'logs'
  readonly thread: number
  readonly input: string
  /** Named again in the answer: an answer to an older request is of no use. */
  readonly request: number
  readonly logs: readonly LogFound[]
}

/** A log as it is found (Kafka: `topic/topic id/partition`), with its lowest offset and its end. */
export interface LogFound {
  readonly log: string
  readonly low: number
  readonly high: number
  /** Where to begin when neither the log nor its topic was ever read. */
  readonly start: number
}

/** intake → core: whether an input can be reached, and how far its partitions lag behind. */
export interface InputLink {
  readonly kind: 'link'
  readonly input: string
  readonly isUp: boolean
  /** Offsets that each partition's log has beyond what the journal holds of it. */
  readonly lags: Readonly<Record<string, number>>
}

/** core → intake. */
export type CoreToIntake =
  | LogsOpened
  /** Records below this offset of the partition's log are evaluated, and committed. */
  | { readonly kind: 'evaluated'; readonly partition: string; readonly offset: number }

/** The opening is committed: each log goes on at its offset. */
export interface LogsOpened {
  readonly kind: 'logs-opened'
  readonly input: string
  readonly request: number
  readonly offsets: Readonly<Record<string, number>>
}

/** core → main. */
export type FromCore =
  | StoppedMessage
  | FailedMessage
  | OccurrenceMessage
  | { readonly kind: 'ready'; readonly epoch: number }
  | { readonly kind: 'result'; readonly result: CommandResult }
  /** Answer to a `confirm`: `false` when the rule is not unverified. */
  | { readonly kind: 'confirmed'; readonly id: string; readonly wasUnverified: boolean }
  /** Something was committed that the outbox or the page should look at. */
  | {
      readonly kind: 'committed'
      readonly lastNo: number
      /** New deliveries in the outbox. */
      readonly deliveries: number
      /** Deliveries whose attempt is now written down. */
      readonly attempted: readonly string[]
    }
  /** Heard; what was announced before and is not prepared yet will not be. */
  | { readonly kind: 'announced'; readonly order: number }
  /** The intake threads may switch to the rules that were announced under this number. */
  | { readonly kind: 'prepared'; readonly order: number }
  | { readonly kind: 'active'; readonly hash: string; readonly origin: RulesetOrigin | null }
  /** A checkpoint is complete: the journal keeps these positions and what follows. */
  | { readonly kind: 'retain'; readonly below: Readonly<Record<string, number>> }
  | { readonly kind: 'stats'; readonly stats: CoreStats }

/**
 * core → rebuild (I8). `job` numbers the rebuilds: one that begins ends the one before, whose
 * answers are out of date. The passes of a job are run in the order in which they come.
 */
export type ToRebuild =
  | {
      readonly kind: 'begin'
      readonly job: number
      readonly source: RulesetSource
      /** Ids of the edited ones. */
      readonly rules: readonly string[]
    }
  | { readonly kind: 'pass'; readonly job: number; readonly pass: RebuildPass }
  /** Time passes to where it stands for the core, and the state is handed over. */
  | {
      readonly kind: 'finish'
      readonly job: number
      readonly partitions: readonly PartitionState[]
      readonly nowMs: number
    }
  /** The job is not wanted any more. */
  | { readonly kind: 'drop'; readonly job: number }

/** rebuild → core: what came of the job so far. */
export type FromRebuild = { readonly job: number; readonly counts: RebuildCounts } & (
  | { readonly kind: 'passed' }
  | { readonly kind: 'rebuilt'; readonly rebuilt: Rebuilt }
)

/** Records that were read and run, and those that the journal no longer held. */
export interface RebuildCounts {
  readonly records: number
  readonly missing: number
}

/** Any thread → main. */
export interface OccurrenceMessage {
  readonly kind: 'occurrence'
  readonly occurrence: Occurrence
}

/** An input of the configuration. */
export type InputSettings = ListeningSettings | KafkaInputSettings

/** main → intake thread. */
export type ToIntake =
  | RulesMessage
  | { readonly kind: 'open'; readonly inputs: readonly InputSettings[]; readonly epoch: number }
  | { readonly kind: 'stop' }

/** intake thread → main. */
export type FromIntake =
  | { readonly kind: 'listening'; readonly inputs: readonly ListeningInput[] }
  | StoppedMessage
  | OccurrenceMessage
  | FailedMessage

/** Where one input listens, once it does. */
export interface ListeningInput {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** A thread has closed what it owned. */
export interface StoppedMessage {
  readonly kind: 'stopped'
}

/** A thread could not do what it was asked, or cannot go on. */
export interface FailedMessage {
  readonly kind: 'failed'
  readonly message: string
  /** Another writer owns the shard (I4). */
  readonly isFenced: boolean
  /** A promise of ours is broken, and that is written down (I13): a clean restart is right. */
  readonly isBroken?: boolean
}

/** What decisions need of the configuration besides the rules; no secrets in it. */
export interface Routing {
  readonly receivers: readonly DeliveryRoute[]
  readonly procedure: Readonly<Record<Severity, Procedure>>
  /** Where Tocsin's own page and API are, for links and the CloudEvents source. */
  readonly baseUrl: string
  readonly graylogUrl: string | null
}

/** The slab's name within a process. */
export function slabName(slab: { partition: string; thread: number; seq: number }): string {
  return `${slab.partition} ${slab.thread} ${slab.seq}`
}
