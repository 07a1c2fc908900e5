import type { Group } from '../model/group.ts'
import type { Phase, Signal } from '../model/incident.ts'
import type { Severity } from '../model/severity.ts'
import { visibleText } from '../lib/visible-text.ts'

/** What the API says of an incident, as far as a terminal shows it. */
export interface ListedIncident {
  readonly number: number
  readonly title: string
  readonly severity: Severity
  readonly signal: Signal
  readonly phase: Phase
  readonly group: Group
  readonly ruleId: string
  readonly openedMs: number
  readonly acknowledgedBy: string | null
  readonly version: number
}

export interface ShownIncident {
  readonly incident: ListedIncident
  readonly timeline: readonly {
    readonly atMs: number
    readonly kind: string
    readonly actor: string
    readonly text: string
  }[]
  readonly episodes: readonly {
    readonly state: string
    readonly startMs: number
    readonly endMs: number
    readonly matches: number
    readonly peak: number
    readonly lateMatches: number
  }[]
  readonly deliveries: readonly {
    readonly receiver: string
    readonly type: string
    readonly state: string
    readonly attempts: number
  }[]
}

/** One line of `incidents list`. Texts of events cannot act on the terminal (I10). */
export function incidentRow(incident: ListedIncident): string {
  const { number, severity, signal, phase, acknowledgedBy } = incident
  const state = `${severity.padEnd(8)} ${signal.padEnd(6)} ${phase.padEnd(15)}`
  const taken = acknowledgedBy === null ? 'not acknowledged' : `taken by ${acknowledgedBy}`
  return visibleText(
    `#${String(number).padEnd(5)} ${state} ${utc(incident.openedMs)}  ${incident.title}${groupText(incident.group)}  (${taken})`,
  )
}

/** The lines of `incidents show`. */
export function incidentLines(shown: ShownIncident): string[] {
  const { incident, timeline, episodes, deliveries } = shown
  const lines = [
    `#${incident.number} ${incident.title}`,
    `  ${incident.severity}, ${incident.signal}, ${incident.phase}, version ${incident.version}`,
    `  rule ${incident.ruleId}${groupText(incident.group)}, opened ${utc(incident.openedMs)}`,
    `  ${incident.acknowledgedBy === null ? 'not acknowledged' : `taken by ${incident.acknowledgedBy}`}`,
    'timeline:',
    ...timeline.map(
      ({ atMs, kind, actor, text }) => `  ${utc(atMs)}  ${kind.padEnd(15)} ${text} (${actor})`,
    ),
    'episodes:',
    ...episodes.map(
      ({ state, startMs, endMs, matches, peak, lateMatches }) =>
        `  ${state.padEnd(8)} ${utc(startMs)} to ${utc(endMs)}: ${matches} matches, peak ${peak}` +
        (lateMatches === 0 ? '' : `, ${lateMatches} more came too late`),
    ),
    'deliveries:',
    ...deliveries.map(
      ({ receiver, type, state, attempts }) =>
        `  ${state.padEnd(10)} ${receiver}: ${type}, ${attempts} attempts`,
    ),
  ]
  return lines.map(visibleText)
}

/** What must be known of a rule's silence: a line, or none. */
export function warmingLine(rule: {
  readonly id: string
  readonly warmingUntilMs: number | null
}): string[] {
  if (rule.warmingUntilMs === null) return []
  const until = utc(rule.warmingUntilMs)
  return [
    visibleText(`rule ${rule.id} is warming: records are missing, it may be wrong until ${until}`),
  ]
}

function groupText(group: Group): string {
  const entries = Object.entries(group).map(([name, value]) => `${name}=${value}`)
  return entries.length === 0 ? '' : ` [${entries.join(', ')}]`
}

function utc(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}
