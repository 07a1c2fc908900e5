import type { EventSample } from './event.ts'
import type { Mode } from './episode.ts'
import type { Group } from './group.ts'
import type { Severity } from './severity.ts'

/** The procedure's phases in order; `dismissed` and `merged` end an incident from identification. */
export const PHASES = [
  'identification',
  'containment',
  'eradication',
  'recovery',
  'lessons_learned',
  'closed',
] as const

export type Phase = (typeof PHASES)[number] | 'dismissed' | 'merged'

/** Moved by episodes only; the phase is moved by people and gates only (design §6). */
export type Signal = 'firing' | 'clear'

/** How much of the procedure a severity asks for. */
export type Procedure = 'full' | 'light' | 'record'

export const DISMISSALS = [
  'false_positive',
  'benign',
  'duplicate',
  'test',
  'insufficient_information',
] as const

export type Dismissal = (typeof DISMISSALS)[number]

/** Phases in which an incident absorbs episodes of its dedup key: identification to recovery. */
export function absorbs(phase: Phase): boolean {
  return (
    PHASES.indexOf(phase as (typeof PHASES)[number]) >= 0 &&
    PHASES.indexOf(phase as (typeof PHASES)[number]) <= 3
  )
}

export function isEnded(phase: Phase): boolean {
  return phase === 'closed' || phase === 'dismissed' || phase === 'merged'
}

/** What people work on. Stored as a row; changed only by `decide` inside the commit. */
export interface Incident {
  /** Derived from the episode that opened it, so a replay names it the same. */
  readonly id: string
  /** For people: 1, 2, 3, … */
  readonly number: number
  /** hash(mode, dedup key) while it absorbs episodes, `null` afterwards: the database forbids two. */
  readonly openKey: string | null
  /** hash(mode, dedup key) for ever: finds what a new incident is a recurrence of. */
  readonly dedupHash: string
  readonly mode: Mode
  readonly title: string
  readonly ruleId: string
  readonly group: Group
  readonly labels: Readonly<Record<string, string>>
  readonly severity: Severity
  readonly signal: Signal
  readonly phase: Phase
  /** Grows with every backward move. */
  readonly cycle: number
  readonly procedure: Procedure
  readonly openedMs: number
  /** Event time of the first match; what time to detect starts from. */
  readonly firstEventMs: number
  readonly signalsClearMs: number | null
  readonly acknowledgedMs: number | null
  readonly acknowledgedBy: string | null
  readonly closedMs: number | null
  readonly dismissal: Dismissal | null
  readonly recurrenceOf: string | null
  /** Number of the last event sent about it; strictly rising (P5). */
  readonly sequence: number
  /** For `If-Match`: grows with every change. */
  readonly version: number
}

/** One line of an incident's history; appended, never edited. */
export interface TimelineEntry {
  readonly incidentId: string
  readonly atMs: number
  readonly kind: TimelineKind
  /** Token or person that did it, or `tocsin`. */
  readonly actor: string
  /** A sentence. */
  readonly text: string
  readonly data?: Readonly<Record<string, unknown>>
}

export type TimelineKind =
  | 'opened'
  | 'episode'
  | 'refired'
  | 'escalated'
  | 'signals_cleared'
  | 'acknowledged'
  | 'note'
  | 'phase_changed'
  | 'dismissed'
  | 'closed'
  | 'notified'

/** Types of the events that leave about an incident (design §6). */
export type IncidentEventType =
  | 'incident.identification.started'
  | 'incident.identification.updated'
  | 'incident.refired'
  | 'incident.signals_cleared'
  | 'incident.phase_changed'
  | 'incident.dismissed'
  | 'incident.closed'

/** What `decide` wants the world to be told; alerting turns it into one delivery per receiver. */
export interface IncidentEvent {
  readonly type: IncidentEventType
  readonly incident: Incident
  /** The incident's sequence number of this event. */
  readonly sequence: number
  readonly atMs: number
  readonly report: IncidentReport
}

/** The core report: what fired and why, small enough for a first webhook (design §6). */
export interface IncidentReport {
  readonly rule: { readonly id: string; readonly title: string; readonly revision: string }
  readonly summary: string | null
  readonly runbook: string | null
  readonly value: number
  /** Such as `at_least 20`, and the window such as `5m`; `null` for rules that have none. */
  readonly threshold: string | null
  readonly window: string | null
  readonly group: Group
  readonly matches: number
  readonly startMs: number
  readonly endMs: number
  readonly firstEvent: EventSample | null
  readonly lastEvent: EventSample | null
  readonly graylogUrl: string | null
  /** Text of the change, for `.phase_changed`, `.dismissed` and `.closed`. */
  readonly change: Readonly<Record<string, string>> | null
}
