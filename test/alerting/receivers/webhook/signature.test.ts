import * as fc from 'fast-check'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { describe, expect, it } from 'vitest'

import { rejection } from '../../../../examples/receiver.ts'
import {
  secretProblem,
  webhookHeaders,
} from '../../../../src/alerting/receivers/webhook/signature.ts'
import { Secret } from '../../../../src/lib/secret.ts'

const secretOf = (bytes: Uint8Array): string => `whsec_${Buffer.from(bytes).toString('base64')}`
const OLD = secretOf(Buffer.alloc(24, 1))
const NEW = secretOf(Buffer.alloc(64, 2))

describe('the signature of a webhook', () => {
  it('is that of the published test vector', () => {
    expect(
      webhookHeaders({
        id: 'evt_01J00000000000000000000001',
        timeMs: 1_760_000_000_999,
        body: '{"type":"incident.opened","timestamp":"2025-10-09T08:53:20Z","data":{"id":"INC-1"}}',
        secrets: [new Secret('whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=')],
      }),
    ).toEqual({
      'webhook-id': 'evt_01J00000000000000000000001',
      'webhook-timestamp': '1760000000',
      'webhook-signature': 'v1,j3TO5TcxauGGAPscAn1V5bR/exTM0d4B+iJVkmKPrx4=',
    })
  })

  it('is believed by standardwebhooks, svix and the example receiver, whatever the body', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        fc.json(),
        fc.stringMatching(/^[a-z2-7]{26}$/),
        (bytes, body, id) => {
          const secret = secretOf(bytes)
          const nowMs = Date.now()
          const headers = webhookHeaders({
            id,
            timeMs: nowMs,
            body,
            secrets: [new Secret(secret)],
          })
          expect(new StandardWebhook(secret).verify(body, headers)).toEqual(JSON.parse(body))
          expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow()
          const nowS = Math.floor(nowMs / 1000)
          const request = { headers, body: Buffer.from(body), nowS }
          expect(rejection({ ...request, secrets: [secret] })).toBeNull()
          expect(rejection({ ...request, secrets: [OLD, NEW] })).toBe('no signature fits')
        },
      ),
      { numRuns: 100 },
    )
  })

  it('is believed by a receiver that knows only the old or only the new of two secrets', () => {
    const body = '{"a":1}'
    const headers = webhookHeaders({
      id: 'abc',
      timeMs: Date.now(),
      body,
      secrets: [new Secret(NEW), new Secret(OLD)],
    })
    expect(headers['webhook-signature'].split(' ')).toHaveLength(2)
    for (const secret of [NEW, OLD]) {
      expect(new StandardWebhook(secret).verify(body, headers)).toEqual({ a: 1 })
      expect(() => new SvixWebhook(secret).verify(body, headers)).not.toThrow()
    }
    for (const Library of [StandardWebhook, SvixWebhook]) {
      const stranger = new Library(secretOf(Buffer.alloc(32, 3)))
      expect(() => stranger.verify(body, headers)).toThrow('No matching signature')
    }
  })

  it.each(['a.b', '', 'a b', 'a\r\nx: y', 'ü'])('refuses the id %j', (id) => {
    const message = { timeMs: 0, body: '', secrets: [new Secret(OLD)] }
    expect(() => webhookHeaders({ id, ...message })).toThrow('webhook id')
  })
})

describe('a signing secret', () => {
  it.each([
    ['no prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'begins with "whsec_"'],
    ['no base64', 'whsec_not base64 at all, but long enough', 'is base64'],
    ['url-safe base64', `whsec_${'_-'.repeat(20)}`, 'is base64'],
    ['padding in the middle', `whsec_${'AAAA'.repeat(5)}AA==${'AAAA'.repeat(5)}`, 'is base64'],
    ['23 bytes', secretOf(Buffer.alloc(23)), 'holds 24 to 64 bytes, and this one holds 23'],
    ['65 bytes', secretOf(Buffer.alloc(65)), 'holds 24 to 64 bytes, and this one holds 65'],
    ['empty', 'whsec_', 'this one holds 0'],
  ])('with %s is refused with a sentence that does not show it', (_why, secret, sentence) => {
    const problem = secretProblem(secret)
    expect(problem).toContain(sentence)
    if (secret.length > 6) expect(problem).not.toContain(secret.slice(6))
    const message = { id: 'a', timeMs: 0, body: '', secrets: [new Secret(secret)] }
    expect(() => webhookHeaders(message)).toThrow(sentence)
  })

  it.each([24, 32, 33, 64])('of %i bytes is taken, with and without padding', (length) => {
    const secret = secretOf(Buffer.alloc(length, 7))
    expect(secretProblem(secret)).toBeNull()
    expect(secretProblem(secret.replace(/=+$/, ''))).toBeNull()
  })
})
