import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import type { EgressResult } from '../../src/alerting/egress.ts'
import { createSender } from '../../src/alerting/sender.ts'
import { receiverSchema } from '../../src/alerting/settings.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { delivery, MemoryOutbox } from './memory-outbox.ts'

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const NAMES = ['a', 'b', 'c'] as const
const SLOTS = 2

const answer = (status: number): EgressResult => ({
  kind: 'answer',
  status,
  retryAfter: status === 503 ? '120' : null,
  bodyStart: '',
})

const RESULTS: readonly (EgressResult | 'throws')[] = [
  ...[200, 202, 204, 301, 404, 429, 500, 503].map(answer),
  { kind: 'failure', reason: 'timeout', detail: '' },
  { kind: 'failure', reason: 'network', detail: '' },
  { kind: 'failure', reason: 'egressRefused', detail: '' },
  'throws',
]

it('I11: whatever fails, deliveries of a (receiver, incident) leave in order, one attempt at a time, and end', async () => {
  const counts = fc.array(fc.nat(4), { minLength: 1, maxLength: 4 })
  const chances = fc.infiniteStream(fc.nat(999))
  await fc.assert(
    fc.asyncProperty(
      counts,
      chances,
      fc.nat(100),
      fc.boolean(),
      async (counts, stream, failing, gone) => {
        const chance = (): number => stream.next().value
        const ticks = async (): Promise<void> => {
          for (let i = chance() % 4; i > 0; i--) await Promise.resolve()
        }
        const clock = new ManualClock()
        const outbox = new MemoryOutbox()
        outbox.pause = ticks
        for (const name of NAMES) {
          for (const [i, count] of counts.entries()) {
            for (let s = 1; s <= count; s++) outbox.add(delivery(name, `i${i}`, s))
          }
        }
        const total = outbox.rows.size
        const wrong: string[] = []
        const busy = new Map<string, string>()
        const perReceiver = new Map<string, number>()

        const sender = createSender({
          reader: outbox,
          receivers: NAMES.map((name) =>
            receiverSchema.parse({
              name,
              webhook: { url: `https://${name}.example/`, secret: SECRET },
            }),
          ),
          clock: clock.now,
          timers: clock,
          random: () => chance() / 1000,
          report: () => undefined,
          concurrencyPerReceiver: SLOTS,
          egress: {
            async sendSigned({ headers, body }) {
              const row = outbox.rows.get(headers['webhook-id']!)!
              if (row.body !== body) wrong.push(`${row.id} was sent with another body`)
              if (row.state !== 'pending') wrong.push(`${row.id} was sent although ${row.state}`)
              for (const earlier of outbox.rows.values()) {
                if (earlier.receiver !== row.receiver || earlier.orderKey !== row.orderKey) continue
                if (earlier.sequence < row.sequence && earlier.state === 'pending') {
                  wrong.push(`${row.id} overtook ${earlier.id}`)
                }
              }
              const key = `${row.receiver} ${row.orderKey}`
              if (busy.has(key)) wrong.push(`${row.id} beside ${busy.get(key)}`)
              busy.set(key, row.id)
              const used = (perReceiver.get(row.receiver) ?? 0) + 1
              perReceiver.set(row.receiver, used)
              if (used > SLOTS) wrong.push(`${used} connections to ${row.receiver}`)
              await ticks()
              if (gone && chance() < 20) return answer(410)
              if (chance() % 100 >= failing) return answer(200)
              const result = RESULTS[chance() % RESULTS.length]!
              if (result === 'throws') throw new Error('broken')
              return result
            },
          },
          async attempted(report) {
            await ticks()
            if (chance() < 50) throw new Error('commit failed')
            const row = outbox.rows.get(report.deliveryId)!
            if (report.attempt !== row.attempt + 1)
              wrong.push(`${row.id}: attempt ${report.attempt}`)
            outbox.commit(report)
            if (busy.delete(`${row.receiver} ${row.orderKey}`)) {
              perReceiver.set(row.receiver, perReceiver.get(row.receiver)! - 1)
            }
            await ticks()
          },
        })

        sender.wake()
        const isOpen = (): boolean => Object.values(outbox.states()).includes('pending')
        for (let i = 0; i < 5_000 && isOpen(); i++) {
          for (let t = 0; t < 20; t++) await Promise.resolve()
          if (chance() < 300) sender.wake()
          // Short steps while a report waits to be committed again, else to when something is due.
          const nextMs = (await outbox.nextDueMs()) ?? clock.now()
          clock.advance(sender.inFlight() > 0 ? 500 : Math.max(1, nextMs - clock.now()))
        }
        await sender.stop()
        expect(wrong).toEqual([])
        expect(isOpen()).toBe(false)
        expect(new Set(outbox.reports.map(({ deliveryId }) => deliveryId)).size).toBe(total)
      },
    ),
    { numRuns: 150 },
  )
})
