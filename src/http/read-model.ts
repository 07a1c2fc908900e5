import type { LedgerDelta } from '../model/commit.ts'
import type { Disposition, Episode } from '../model/episode.ts'
import type { Incident, Phase, TimelineEntry } from '../model/incident.ts'
import type { DeliveryState } from '../model/outbox.ts'
import type { Severity } from '../model/severity.ts'

/** What the API and the page read. The store implements it; nothing here writes. */
export interface ReadModel {
  incidents(query: IncidentQuery): Promise<Page<Incident>>
  incident(idOrNumber: string): Promise<IncidentDetail | undefined>
  episodes(query: EpisodeQuery): Promise<Page<StoredEpisode>>
  deliveries(query: {
    readonly state?: DeliveryState
    readonly receiver?: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<StoredDelivery>>
  /** What became of a rule's matches (I9), newest hour of event time first; `limit` counts hours. */
  ledger(query: {
    readonly ruleId: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<LedgerRow>>
  /** What is missing of inputs: the latest known first. */
  gaps(query: GapQuery): Promise<Page<StoredGap>>
  counts(): Promise<IncidentCounts>
}

export interface GapQuery {
  readonly input?: string
  /** Those that reach into from … to (exclusive), ms UTC. */
  readonly fromMs?: number
  readonly toMs?: number
  readonly limit: number
  readonly cursor?: string
}

export const GAP_REASONS = [
  'down',
  'disconnected',
  'dropped',
  'journal',
  'retention',
  'truncated',
  'recreated',
] as const

export interface StoredGap {
  readonly input: string
  readonly partition: string
  readonly reason: (typeof GAP_REASONS)[number]
  /** When it began, ms UTC; for a hole of the journal or of a log, when it was found. */
  readonly fromMs: number
  /** When it ended; `null` while it lasts. */
  readonly toMs: number | null
  /** Known to be missing; 0 where nobody knows whether there were any. */
  readonly records: number
  /**
   * Of a hole: positions of the partition, or offsets of its log, from … to (exclusive); else both
   * where the partition stood then.
   */
  readonly fromPosition: number
  readonly toPosition: number
}

/** Matches of one rule in one hour that share their fate. */
export type LedgerRow = Omit<LedgerDelta, 'ruleId'>

export interface IncidentQuery {
  readonly phase?: Phase
  readonly severity?: Severity
  /** `true`: not closed, dismissed or merged. */
  readonly open?: boolean
  readonly limit: number
  readonly cursor?: string
}

export interface EpisodeQuery {
  readonly ruleId?: string
  readonly incidentId?: string
  readonly disposition?: Disposition
  readonly limit: number
  readonly cursor?: string
}

/** Newest first; `next` is opaque and `null` on the last page. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export interface StoredEpisode extends Episode {
  readonly disposition: Disposition | null
  readonly incidentId: string | null
  /** Read back from the journal for matches that came too late to be admitted. */
  readonly isRecomputed: boolean
  /** Matches in it that came too late; not among `matches` unless it is recomputed. */
  readonly lateMatches: number
}

export interface IncidentDetail {
  readonly incident: Incident
  readonly timeline: readonly TimelineEntry[]
  readonly episodes: readonly StoredEpisode[]
  readonly deliveries: readonly StoredDelivery[]
  /** The report of the event that opened it, as it was sent. */
  readonly report: unknown
}

export interface StoredDelivery {
  readonly id: string
  readonly receiver: string
  readonly incidentId: string
  readonly type: string
  readonly sequence: number
  readonly state: DeliveryState
  readonly attempts: number
  readonly createdMs: number
  readonly nextMs: number | null
  readonly lastStatus: number | null
  readonly lastReason: string | null
  readonly lastDetail: string | null
}

export interface IncidentCounts {
  /** Not ended, by severity, phase and mode. */
  readonly open: readonly { severity: Severity; phase: Phase; mode: string; count: number }[]
  /** Ever opened, by severity and mode. */
  readonly total: readonly { severity: Severity; mode: string; count: number }[]
}
