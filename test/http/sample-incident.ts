import type { Incident, TimelineEntry } from '../../src/model/incident.ts'
import type { IncidentDetail, StoredDelivery, StoredEpisode } from '../../src/http/read-model.ts'

export const NOW_MS = Date.UTC(2026, 10, 24, 10, 35)

/** An open incident as the store would hold it; tests change what they are about. */
export function sampleIncident(change: Partial<Incident> = {}): Incident {
  return {
    id: 'kq3mzx7w2b5n4c6d8f9g2h3j4k',
    number: 12,
    openKey: 'key-must-not-leave',
    dedupHash: 'hash-must-not-leave',
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
    openedMs: NOW_MS - 4 * 60_000,
    firstEventMs: NOW_MS - 5 * 60_000,
    signalsClearMs: null,
    acknowledgedMs: null,
    acknowledgedBy: null,
    closedMs: null,
    dismissal: null,
    recurrenceOf: null,
    sequence: 1,
    version: 3,
    ...change,
  }
}

export function sampleDetail(change: Partial<IncidentDetail> = {}): IncidentDetail {
  const incident = change.incident ?? sampleIncident()
  return {
    incident,
    timeline: [entry(incident, 'opened', 'Opened by checkout-5xx with 20 in 5m')],
    episodes: [sampleEpisode({ incidentId: incident.id })],
    deliveries: [sampleDelivery({ incidentId: incident.id })],
    report: {
      rule: { id: 'checkout-5xx', title: incident.title, revision: 'abc' },
      summary: '20 errors in 5m in eu',
      runbook: 'https://runbooks.example.org/checkout-5xx',
      value: 20,
      threshold: 'at_least 20',
      window: '5m',
      group: incident.group,
      matches: 20,
      startMs: incident.firstEventMs,
      endMs: incident.openedMs,
      firstEvent: sampleEvent(incident.firstEventMs, 'POST /pay answered 503 after 30 s'),
      lastEvent: sampleEvent(incident.openedMs, 'POST /pay answered 503 after 31 s'),
      graylogUrl: null,
      change: null,
    },
    ...change,
  }
}

export function sampleEpisode(change: Partial<StoredEpisode> = {}): StoredEpisode {
  return {
    id: 'aq3mzx7w2b5n4c6d8f9g2h3j4k',
    ruleId: 'checkout-5xx',
    ruleRev: 'abc',
    group: { region: 'eu' },
    groupKey: '["eu"]',
    state: 'open',
    startMs: NOW_MS - 4 * 60_000,
    endMs: NOW_MS - 10_000,
    matches: 61,
    firings: 42,
    peak: 61,
    value: 58,
    severity: 'high',
    openedRef: 'payments/1:100',
    firstRef: 'payments/1:40',
    lastRef: 'payments/1:200',
    flags: [],
    disposition: 'opened',
    incidentId: null,
    isRecomputed: false,
    lateMatches: 0,
    ...change,
  }
}

export function sampleDelivery(change: Partial<StoredDelivery> = {}): StoredDelivery {
  return {
    id: 'evt_1',
    receiver: 'soc',
    incidentId: '',
    type: 'incident.identification.started',
    sequence: 1,
    state: 'delivered',
    attempts: 1,
    createdMs: NOW_MS - 4 * 60_000,
    nextMs: null,
    lastStatus: 204,
    lastReason: null,
    lastDetail: null,
    ...change,
  }
}

function entry(incident: Incident, kind: TimelineEntry['kind'], text: string): TimelineEntry {
  return { incidentId: incident.id, atMs: incident.openedMs, kind, actor: 'tocsin', text }
}

function sampleEvent(timeMs: number, message: string) {
  return {
    ref: 'payments/1:40',
    timeMs,
    receivedMs: timeMs,
    flags: [],
    fields: { message, source: 'pay-1.example.org', http_status: 503, region: 'eu' },
  }
}
