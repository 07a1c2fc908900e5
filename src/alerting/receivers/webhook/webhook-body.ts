import type { EventSample, FieldValue } from '../../../model/event.ts'
import type { Incident, IncidentEvent, IncidentReport } from '../../../model/incident.ts'

/** Standard Webhooks asks for small bodies; a receiver may refuse more. */
export const BODY_BYTES_MAX = 20_000

/** How much of a report is told: from all that is sensible down to what always fits. */
interface Measure {
  /** UTF-16 code units of one text. */
  readonly textMax: number
  /** Members of one map: labels, group, fields of an event. */
  readonly membersMax: number
  /** A longer link is left out: half a link leads nowhere. */
  readonly linkMax: number
  readonly withEvents: boolean
}

const MEASURES: readonly Measure[] = [
  { textMax: 2_000, membersMax: 64, linkMax: 2_000, withEvents: true },
  { textMax: 500, membersMax: 40, linkMax: 2_000, withEvents: true },
  { textMax: 200, membersMax: 20, linkMax: 1_000, withEvents: true },
  { textMax: 100, membersMax: 10, linkMax: 1_000, withEvents: true },
  { textMax: 200, membersMax: 20, linkMax: 1_000, withEvents: false },
  // At most 53 texts of 32 units of 6 bytes (`\u0001`): this one fits whatever was sent to us.
  { textMax: 32, membersMax: 6, linkMax: 0, withEvents: false },
]

export interface BodyOptions {
  /** CloudEvents `source`: which installation speaks, such as `https://tocsin.example.org`. */
  readonly source: string
  /** CloudEvents `id`, equal to `webhook-id`. */
  readonly id: string
  /** Where people reach the page; `null` leaves the link out. */
  readonly baseUrl: string | null
}

/**
 * What leaves about an incident: a CloudEvent 1.0 in structured JSON, at most
 * {@link BODY_BYTES_MAX} bytes. Texts that had to be cut end in `…` and `data.truncated` says so.
 * A pure function: the body is frozen with the decision and every attempt sends the same bytes.
 *
 * Extensions: `sequence` (strictly rising per incident, padded so that text order is its order),
 * `correlationid` (the incident), `severitytext`, and `timestamp`, Standard Webhooks' name for
 * `time`.
 */
export function cloudEvent(event: IncidentEvent, options: BodyOptions): string {
  let body = ''
  for (const measure of MEASURES) {
    body = JSON.stringify(envelope(event, options, measure))
    if (Buffer.byteLength(body) <= BODY_BYTES_MAX) return body
  }
  return body
}

function envelope(event: IncidentEvent, options: BodyOptions, measure: Measure): object {
  const time = instant(event.atMs)
  const cutter = new Cutter(measure)
  const data = {
    incident: incidentData(event.incident, options.baseUrl, cutter),
    report: reportData(event.report, cutter),
    change: event.report.change === null ? null : cutter.map(event.report.change),
  }
  return {
    specversion: '1.0',
    id: options.id,
    source: options.source,
    type: event.type,
    subject: event.incident.id,
    time,
    timestamp: time,
    datacontenttype: 'application/json',
    sequence: String(event.sequence).padStart(10, '0'),
    correlationid: event.incident.id,
    severitytext: event.incident.severity,
    data: { ...data, truncated: cutter.hasCut },
  }
}

function incidentData(incident: Incident, baseUrl: string | null, cutter: Cutter): object {
  return {
    id: incident.id,
    number: incident.number,
    url: baseUrl === null ? null : `${baseUrl.replace(/\/+$/, '')}/incidents/${incident.number}`,
    title: cutter.text(incident.title),
    mode: incident.mode,
    severity: incident.severity,
    signal: incident.signal,
    phase: incident.phase,
    cycle: incident.cycle,
    procedure: incident.procedure,
    rule: incident.ruleId,
    group: cutter.map(incident.group),
    labels: cutter.map(incident.labels),
    opened_at: instant(incident.openedMs),
    first_event_at: instant(incident.firstEventMs),
    signals_clear_at: instantOrNull(incident.signalsClearMs),
    acknowledged_at: instantOrNull(incident.acknowledgedMs),
    acknowledged_by: cutter.textOrNull(incident.acknowledgedBy),
    closed_at: instantOrNull(incident.closedMs),
    dismissal: incident.dismissal,
    recurrence_of: incident.recurrenceOf,
    version: incident.version,
  }
}

function reportData(report: IncidentReport, cutter: Cutter): object {
  return {
    rule: {
      id: report.rule.id,
      title: cutter.text(report.rule.title),
      revision: report.rule.revision,
    },
    summary: cutter.textOrNull(report.summary),
    runbook: cutter.linkOrNull(report.runbook),
    value: report.value,
    threshold: cutter.textOrNull(report.threshold),
    window: report.window,
    group: cutter.map(report.group),
    matches: report.matches,
    start: instant(report.startMs),
    end: instant(report.endMs),
    first_event: eventData(report.firstEvent, cutter),
    last_event: eventData(report.lastEvent, cutter),
    graylog_url: cutter.linkOrNull(report.graylogUrl),
  }
}

function eventData(sample: EventSample | null, cutter: Cutter): object | null {
  if (sample === null) return null
  if (!cutter.takesEvents()) return { ref: sample.ref, truncated: true }
  const inner = new Cutter(cutter.measure)
  const fields = inner.map(sample.fields)
  if (inner.hasCut) cutter.hasCut = true
  return {
    ref: sample.ref,
    time: instant(sample.timeMs),
    received: instant(sample.receivedMs),
    flags: sample.flags,
    fields,
    truncated: inner.hasCut,
  }
}

/** Keeps texts and maps within a measure and remembers whether it had to cut. */
class Cutter {
  readonly measure: Measure
  hasCut = false

  constructor(measure: Measure) {
    this.measure = measure
  }

  /** Well-formed text: a lone surrogate would make JSON that strict parsers refuse. */
  text(value: string): string {
    const { textMax } = this.measure
    if (value.length <= textMax) return value.toWellFormed()
    this.hasCut = true
    const last = value.charCodeAt(textMax - 2)
    const end = last >= 0xd800 && last <= 0xdbff ? textMax - 2 : textMax - 1
    return `${value.slice(0, end).toWellFormed()}…`
  }

  textOrNull(value: string | null): string | null {
    return value === null ? null : this.text(value)
  }

  linkOrNull(value: string | null): string | null {
    if (value === null || value.length <= this.measure.linkMax) return value?.toWellFormed() ?? null
    this.hasCut = true
    return null
  }

  map(values: Readonly<Record<string, FieldValue>>): Record<string, FieldValue> {
    const members = Object.entries(values)
    if (members.length > this.measure.membersMax) this.hasCut = true
    return Object.fromEntries(
      members
        .slice(0, this.measure.membersMax)
        .map(([name, value]) => [
          this.text(name),
          typeof value === 'string' ? this.text(value) : value,
        ]),
    )
  }

  takesEvents(): boolean {
    if (!this.measure.withEvents) this.hasCut = true
    return this.measure.withEvents
  }
}

/** RFC 3339 in UTC with milliseconds. */
function instant(ms: number): string {
  return new Date(ms).toISOString()
}

function instantOrNull(ms: number | null): string | null {
  return ms === null ? null : instant(ms)
}
