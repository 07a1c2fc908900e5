import { join } from 'node:path'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  BODY_BYTES_MAX,
  cloudEvent,
} from '../../../../src/alerting/receivers/webhook/webhook-body.ts'
import type { IncidentEvent } from '../../../../src/model/incident.ts'
import { incidentEvent, sample } from '../../incident-event.ts'

const OPTIONS = {
  source: 'https://tocsin.example.org',
  id: 'abcdefghijklmnopqrstuvwxyz',
  baseUrl: 'https://tocsin.example.org',
}
const CLEAR_MS = Date.UTC(2026, 2, 1, 9, 41)
const LATER_MS = Date.UTC(2026, 2, 1, 10, 15)

const EVENTS: Readonly<Record<string, IncidentEvent>> = {
  started: incidentEvent(),
  refired: incidentEvent({
    type: 'incident.refired',
    sequence: 2,
    atMs: CLEAR_MS - 60_000,
    incident: { severity: 'critical', version: 3 },
    report: { value: 50, threshold: 'at_least 50', matches: 50 },
  }),
  signals_cleared: incidentEvent({
    type: 'incident.signals_cleared',
    sequence: 3,
    atMs: CLEAR_MS,
    incident: { signal: 'clear', signalsClearMs: CLEAR_MS, version: 4 },
  }),
  phase_changed: incidentEvent({
    type: 'incident.phase_changed',
    sequence: 4,
    atMs: LATER_MS,
    incident: {
      phase: 'containment',
      acknowledgedMs: CLEAR_MS,
      acknowledgedBy: 'ana',
      version: 6,
    },
    report: { change: phaseChange('identification', 'containment') },
  }),
  closed: incidentEvent({
    type: 'incident.closed',
    sequence: 9,
    atMs: LATER_MS,
    incident: {
      phase: 'closed',
      openKey: null,
      signal: 'clear',
      signalsClearMs: CLEAR_MS,
      acknowledgedMs: CLEAR_MS,
      acknowledgedBy: 'ana',
      closedMs: LATER_MS,
      recurrenceOf: 'nbswy3dpeb3w64tmmqqho33snq',
      version: 12,
    },
    report: { change: phaseChange('lessons_learned', 'closed') },
  }),
}

describe('the body of a webhook', () => {
  it.each(Object.keys(EVENTS))('of %s is that of its golden file', async (name) => {
    const body = cloudEvent(EVENTS[name]!, OPTIONS)
    await expect(`${JSON.stringify(JSON.parse(body), null, 2)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, '../../../golden', `webhook-${name.replace('_', '-')}.json`),
    )
  })

  it('is a CloudEvent that Standard Webhooks receivers understand too', () => {
    const body = JSON.parse(cloudEvent(EVENTS['refired']!, OPTIONS)) as Record<string, unknown>
    expect(body).toMatchObject({
      specversion: '1.0',
      id: OPTIONS.id,
      source: OPTIONS.source,
      type: 'incident.refired',
      subject: 'mzxw6ytboi4dcmrtgq2tmnzyha',
      correlationid: 'mzxw6ytboi4dcmrtgq2tmnzyha',
      sequence: '0000000002',
      severitytext: 'critical',
      datacontenttype: 'application/json',
    })
    expect(body['timestamp']).toBe(body['time'])
    // CloudEvents §3.1: attribute names are lower-case letters and digits, at most 20 by advice.
    for (const name of Object.keys(body)) expect(name).toMatch(/^[a-z0-9]{1,20}$/)
  })

  it('orders by the text of `sequence` as by its number', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000_000), fc.nat(2_000_000_000), (a, b) => {
        const text = (sequence: number): string =>
          (JSON.parse(cloudEvent(incidentEvent({ sequence }), OPTIONS)) as { sequence: string })
            .sequence
        expect(text(a) < text(b)).toBe(a < b)
      }),
      { numRuns: 100 },
    )
  })

  it('cuts a long text visibly and leaves half a link out', () => {
    const body = parse(
      incidentEvent({
        incident: { title: 'x'.repeat(3_000) },
        report: {
          firstEvent: sample({ message: `${'é'.repeat(1_998)}🚀🚀🚀`, n: 7 }),
          runbook: `https://x/${'r'.repeat(5_000)}`,
        },
      }),
    )
    expect(body.data.truncated).toBe(true)
    expect(body.data.incident.title).toMatch(/^x{1999}…$/)
    expect(body.data.report.runbook).toBeNull()
    // The rocket that would have been cut in half is left out whole.
    expect(body.data.report.first_event.fields['message']).toBe(`${'é'.repeat(1_998)}…`)
    expect(body.data.report.first_event).toMatchObject({ truncated: true, fields: { n: 7 } })
    expect(body.data.report.last_event.truncated).toBe(false)
  })

  it.each([
    [null, null],
    ['https://t.example.org', 'https://t.example.org/incidents/17'],
    ['https://t.example.org/', 'https://t.example.org/incidents/17'],
    ['https://example.org/tocsin/', 'https://example.org/tocsin/incidents/17'],
  ])('with the page at %s links to %s', (baseUrl, url) => {
    const body: unknown = JSON.parse(cloudEvent(incidentEvent(), { ...OPTIONS, baseUrl }))
    expect(body).toMatchObject({ data: { incident: { url } } })
  })

  it('cuts nothing and says so when everything fits', () => {
    expect(parse(incidentEvent()).data.truncated).toBe(false)
  })

  it('fits when every text is as long, and as costly in JSON, as can be', () => {
    const text = '\u0001'.repeat(40_000)
    const map = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}${text}`, text]))
    const event = incidentEvent({
      incident: { title: text, acknowledgedBy: text, group: map, labels: map },
      report: {
        rule: { id: 'r', title: text, revision: 'r1' },
        summary: text,
        runbook: text,
        threshold: text,
        group: map,
        firstEvent: sample(map),
        lastEvent: sample(map),
        graylogUrl: text,
        change: map,
      },
    })
    const body = cloudEvent(event, OPTIONS)
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(BODY_BYTES_MAX)
    expect(parse(event).data.truncated).toBe(true)
  })

  it('never grows past 20 kB, stays well-formed JSON and names the incident, whatever came in', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc
        .tuple(fc.constantFrom('\u0001', '"', '漢', '🚀', '\ud800', 'a', '\u2028'), fc.nat(40_000))
        .map(([unit, times]) => unit.repeat(times)),
    )
    const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString'))
    const map = fc
      .array(fc.tuple(name, text), { maxLength: 100 })
      .map((members) => Object.fromEntries(members))
    fc.assert(
      fc.property(text, text, map, map, map, (title, summary, group, labels, fields) => {
        const event = incidentEvent({
          incident: { title, group, labels },
          report: {
            summary,
            runbook: summary,
            group,
            firstEvent: sample(fields),
            lastEvent: sample(fields),
            change: labels,
          },
        })
        const body = cloudEvent(event, OPTIONS)
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(BODY_BYTES_MAX)
        expect(body.isWellFormed()).toBe(true)
        expect(body).not.toMatch(/\\ud[89a-f]/i)
        expect(body).not.toContain('\n')
        expect(JSON.parse(body)).toMatchObject({ subject: event.incident.id })
        expect(cloudEvent(event, OPTIONS)).toBe(body)
      }),
      { numRuns: 150 },
    )
  })
})

interface Parsed {
  readonly data: {
    readonly truncated: boolean
    readonly incident: { readonly title: string }
    readonly report: {
      readonly runbook: string | null
      readonly first_event: {
        readonly fields: Record<string, unknown>
        readonly truncated: boolean
      }
      readonly last_event: { readonly truncated: boolean }
    }
  }
}

function parse(event: IncidentEvent): Parsed {
  return JSON.parse(cloudEvent(event, OPTIONS)) as Parsed
}

/** As the lifecycle tells it. */
function phaseChange(from: string, to: string): Record<string, string> {
  return { field: 'phase', from, to, cycle: '0', actor: 'ana' }
}
