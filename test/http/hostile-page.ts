import { incidentPage } from '../../src/http/incident-page.ts'
import { overviewPage } from '../../src/http/overview-page.ts'
import type { IncidentDetail } from '../../src/http/read-model.ts'
import {
  NOW_MS,
  sampleDelivery,
  sampleDetail,
  sampleEpisode,
  sampleIncident,
} from './sample-incident.ts'

/** An incident with one text in every place that comes from a log or a person. */
function detailWith(text: string): IncidentDetail {
  const incident = sampleIncident({
    title: text,
    ruleId: text,
    group: { field: text },
    labels: { label: text },
    acknowledgedBy: text,
    acknowledgedMs: NOW_MS,
    recurrenceOf: text,
  })
  const event = {
    ref: text,
    timeMs: NOW_MS,
    receivedMs: NOW_MS,
    flags: [text],
    fields: { message: text, source: text, [`f ${text}`]: text },
  }
  return sampleDetail({
    incident,
    timeline: [{ incidentId: incident.id, atMs: NOW_MS, kind: 'note', actor: text, text }],
    episodes: [sampleEpisode({ ruleId: text, group: { field: text } })],
    deliveries: [sampleDelivery({ state: 'dead', receiver: text, type: text, lastDetail: text })],
    report: {
      rule: { id: text, title: text },
      summary: text,
      runbook: null,
      value: 20,
      threshold: text,
      window: text,
      matches: 20,
      firstEvent: event,
      lastEvent: event,
      graylogUrl: null,
    },
  })
}

/** Both pages with the text in every such place. */
export function pagesWith(text: string): { readonly overview: string; readonly incident: string } {
  const detail = detailWith(text)
  const overview = overviewPage({
    nowMs: NOW_MS,
    version: '0.1.0',
    ready: { ready: false, reasons: [text] },
    problems: [{ code: text, severity: 'error', message: text, file: text, line: 1, column: 2 }],
    incidents: [detail],
    moreIncidents: true,
    inputs: [
      {
        input: text,
        partition: text,
        evaluated: 1,
        backlog: 0,
        ratePerSecond: 1.5,
        lastReceivedMs: NOW_MS,
        watermarkMs: null,
        watermarkQuality: null,
        disconnectedSinceMs: null,
        silentSinceMs: null,
        state: 'receiving',
      },
    ],
    gaps: [
      {
        input: text,
        partition: text,
        reason: 'dropped',
        fromMs: NOW_MS,
        toMs: null,
        records: 1,
        fromPosition: 1,
        toPosition: 1,
      },
    ],
    rules: [
      {
        id: text,
        title: text,
        severity: 'high',
        mode: 'active',
        file: text,
        line: 1,
        problems: [{ code: text, severity: 'warning', message: text }],
        matches: 1,
        lastMatchMs: NOW_MS,
        groups: 1,
        openEpisodes: 1,
        warmingUntilMs: null,
        unverified: { sinceMs: 1, cause: text },
      },
    ],
    slo: [
      {
        slo: text,
        service: text,
        target: 0.99,
        window: text,
        totals: { good: 1, bad: 0 },
        sli: 1,
        budgetRemaining: 1,
        burnRates: [{ window: text, rate: 1 }],
      },
    ],
    oldNews: [sampleEpisode({ ruleId: text, group: { [text]: text }, disposition: 'old_news' })],
    dead: detail.deliveries,
  })
  return { overview, incident: incidentPage(detail, { nowMs: NOW_MS, version: '0.1.0' }) }
}

/**
 * Elements and attribute names of a page in order, without any text: what a browser would build.
 * Throws when a `<` stands where no element begins, since a browser might see one there.
 */
export function skeleton(page: string): string[] {
  const elements = [
    ...page.matchAll(/<(\/?[a-zA-Z!][^\s>/]*)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>/g),
  ]
  if (elements.length !== page.split('<').length - 1) throw new Error('a stray "<" in the page')
  return elements.map(([, name = '', attributes = '']) =>
    [name, ...[...attributes.matchAll(/\s+([\w-]+)(?:="[^"]*")?/g)].map((each) => each[1])].join(
      ' ',
    ),
  )
}
