import { describe, expect, it } from 'vitest'

import {
  deliveriesFor,
  type DeliveryRoute,
} from '../../../../src/alerting/receivers/webhook/deliveries.ts'
import { incidentEvent } from '../../incident-event.ts'

const OPTIONS = { source: 'tocsin', baseUrl: null }

function route(name: string, wants: Partial<DeliveryRoute> = {}): DeliveryRoute {
  return { name, severityAtLeast: null, labels: {}, ...wants }
}

describe('the deliveries of an event', () => {
  it('are one for each receiver, each with an id of its own that its body carries', () => {
    const event = incidentEvent({ sequence: 3 })
    const deliveries = deliveriesFor(event, [route('a'), route('b')], OPTIONS)
    expect(deliveries.map(({ receiver }) => receiver)).toEqual(['a', 'b'])
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(2)
    for (const delivery of deliveries) {
      expect(delivery).toMatchObject({
        incidentId: event.incident.id,
        orderKey: event.incident.id,
        sequence: 3,
        type: event.type,
        createdMs: event.atMs,
      })
      expect(delivery.id).toMatch(/^[a-z2-7]{26}$/)
      expect(JSON.parse(delivery.body)).toMatchObject({ id: delivery.id })
    }
  })

  it('are the same when the same is decided again, and named anew for the next sequence', () => {
    const first = deliveriesFor(incidentEvent(), [route('a')], OPTIONS)
    expect(deliveriesFor(incidentEvent(), [route('a')], OPTIONS)).toEqual(first)
    const next = deliveriesFor(incidentEvent({ sequence: 2 }), [route('a')], OPTIONS)
    expect(next[0]!.id).not.toBe(first[0]!.id)
  })

  it.each([
    ['medium', { severityAtLeast: 'medium' }, true],
    ['its own severity', { severityAtLeast: 'high' }, true],
    ['critical', { severityAtLeast: 'critical' }, false],
    ['its team', { labels: { team: 'payments' } }, true],
    ['its team and service', { labels: { team: 'payments', service: 'checkout' } }, true],
    ['another team', { labels: { team: 'search' } }, false],
    ['a label it has not', { labels: { toString: 'x' } }, false],
  ] as const)('reach a receiver that asks for %s: %o → %s', (_what, wants, isTold) => {
    expect(deliveriesFor(incidentEvent(), [route('a', wants)], OPTIONS)).toHaveLength(
      isTold ? 1 : 0,
    )
  })
})
