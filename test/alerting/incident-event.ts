import type { EventSample } from '../../src/model/event.ts'
import type { Incident, IncidentEvent, IncidentReport } from '../../src/model/incident.ts'

const OPENED_MS = Date.UTC(2026, 2, 1, 9, 30, 0, 250)

/** An event of an incident as `decide` would make it; tests change what they are about. */
export function incidentEvent(
  changes: Partial<Omit<IncidentEvent, 'incident' | 'report'>> & {
    readonly incident?: Partial<Incident>
    readonly report?: Partial<IncidentReport>
  } = {},
): IncidentEvent {
  const { incident, report, ...rest } = changes
  return {
    type: 'incident.identification.started',
    sequence: 1,
    atMs: OPENED_MS,
    ...rest,
    incident: { ...INCIDENT, sequence: rest.sequence ?? 1, ...incident },
    report: { ...REPORT, ...report },
  }
}

export function sample(fields: EventSample['fields'], timeMs = OPENED_MS - 60_000): EventSample {
  return { ref: 'payments#1:4711', timeMs, receivedMs: timeMs + 40, flags: [], fields }
}

const INCIDENT: Incident = {
  id: 'mzxw6ytboi4dcmrtgq2tmnzyha',
  number: 17,
  openKey: 'k',
  dedupHash: 'd',
  mode: 'real',
  title: 'Checkout answers with server errors',
  ruleId: 'checkout-5xx',
  group: { region: 'eu' },
  labels: { team: 'payments', service: 'checkout' },
  severity: 'high',
  signal: 'firing',
  phase: 'identification',
  cycle: 0,
  procedure: 'full',
  openedMs: OPENED_MS,
  firstEventMs: OPENED_MS - 60_000,
  signalsClearMs: null,
  acknowledgedMs: null,
  acknowledgedBy: null,
  closedMs: null,
  dismissal: null,
  recurrenceOf: null,
  sequence: 1,
  version: 1,
}

const REPORT: IncidentReport = {
  rule: { id: 'checkout-5xx', title: 'Checkout answers with server errors', revision: 'r1' },
  summary: '20 errors in 5m in eu',
  runbook: 'https://runbooks.example.org/checkout-5xx',
  value: 20,
  threshold: 'at_least 20',
  window: '5m',
  group: { region: 'eu' },
  matches: 20,
  startMs: OPENED_MS - 22_000,
  endMs: OPENED_MS - 22_000,
  firstEvent: sample({ message: 'GET /cart 503', source: 'web-1', http_status: 503 }),
  lastEvent: sample({ message: 'GET /pay 500', source: 'web-2', http_status: 500 }),
  graylogUrl: 'https://graylog.example.org/search?q=service%3Acheckout',
  change: null,
}
