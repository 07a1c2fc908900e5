import { afterEach, describe, expect, it, vi } from 'vitest'

import { createReceiver, type WebhookEvent } from '../../examples/receiver.ts'
import { createEgress } from '../../src/alerting/egress.ts'
import { deliveriesFor } from '../../src/alerting/receivers/webhook/deliveries.ts'
import { createSender } from '../../src/alerting/sender.ts'
import { receiverSchema, routeOf } from '../../src/alerting/settings.ts'
import { systemClock, systemTimers } from '../../src/system-clock.ts'
import { incidentEvent } from './incident-event.ts'
import { MemoryOutbox } from './memory-outbox.ts'

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function start(
  onEvent: (event: WebhookEvent) => void,
): Promise<{ url: string; port: number; rejected: string[] }> {
  const rejected: string[] = []
  const server = createReceiver({
    secrets: [SECRET],
    onEvent,
    onRejected: (reason) => void rejected.push(reason),
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}/`, port: address.port, rejected }
}

describe('the example receiver', () => {
  it('takes what the sender sends, each once and in order, also when it fails or forgets to answer', async () => {
    const taken: string[] = []
    let failures = 2
    const { url, port, rejected } = await start((event) => {
      if (failures-- > 0) throw new Error('not now')
      taken.push(`${event.type} ${Number(event.sequence)}`)
    })
    const receiver = receiverSchema.parse({
      name: 'local',
      webhook: { url, secret: SECRET },
      allow: { http: true, addresses: ['127.0.0.1'], ports: [port] },
    })
    const outbox = new MemoryOutbox()
    const sender = createSender({
      reader: outbox,
      receivers: [receiver],
      egress: createEgress({ timers: systemTimers }),
      clock: systemClock,
      timers: systemTimers,
      random: () => 0.5,
      report: () => undefined,
      // The schedule's shape is tested elsewhere; here a second attempt comes at once.
      attempted: async (report) =>
        outbox.commit({ ...report, nextMs: report.nextMs === null ? null : 0 }),
    })
    closers.push(() => sender.stop())
    for (const sequence of [1, 2, 3]) {
      outbox.add(
        ...deliveriesFor(incidentEvent({ sequence }), [routeOf(receiver)], {
          source: 'tocsin',
          baseUrl: null,
        }),
      )
    }
    sender.wake()
    await vi.waitFor(() => expect(taken).toHaveLength(3))
    await sender.idle()
    expect(taken).toEqual([1, 2, 3].map((n) => `incident.identification.started ${n}`))
    expect(new Set(Object.values(outbox.states()))).toEqual(new Set(['delivered']))
    expect(outbox.reports.map(({ status }) => status)).toEqual([500, 500, 200, 200, 200])
    expect(rejected).toEqual([])

    // An answer that was lost: the same is sent again, answered well and not taken twice.
    outbox.rows.forEach((row, id) => outbox.rows.set(id, { ...row, state: 'pending' }))
    sender.wake()
    await vi.waitFor(() => expect(outbox.reports).toHaveLength(8))
    expect(outbox.reports.slice(5).map(({ detail }) => detail)).toEqual(
      Array(3).fill('known already'),
    )
    expect(taken).toHaveLength(3)
  })

  it('believes nothing that is unsigned, too large or no POST', async () => {
    const onEvent = vi.fn()
    const { url, rejected } = await start(onEvent)
    const post = (body: string): Promise<Response> => fetch(url, { method: 'POST', body })
    expect((await post('{}')).status).toBe(401)
    expect((await post('x'.repeat(70_000))).status).toBe(413)
    expect((await fetch(url)).status).toBe(405)
    expect(rejected).toEqual(['webhook-id is missing'])
    expect(onEvent).not.toHaveBeenCalled()
  })
})
