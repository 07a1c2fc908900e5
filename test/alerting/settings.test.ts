import { inspect } from 'node:util'

import { describe, expect, it } from 'vitest'

import { receiverSchema, receiversSchema, routeOf } from '../../src/alerting/settings.ts'

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const URL_TEXT = 'https://hooks.example.org/tocsin'

describe('a receiver in tocsin.yaml', () => {
  it('needs a name, a URL and a secret; the rest has defaults', () => {
    const receiver = receiverSchema.parse({
      name: 'on-call',
      webhook: { url: URL_TEXT, secret: SECRET },
    })
    expect(receiver).toMatchObject({
      name: 'on-call',
      url: URL_TEXT,
      schedule: 'urgent',
      timeoutMs: 15_000,
      allow: { http: false, addresses: [], ports: [] },
      severityAtLeast: null,
      labels: {},
    })
    expect(receiver.secrets.map((secret) => secret.reveal())).toEqual([SECRET])
  })

  it('never shows its secret, and the core is told neither secret nor address', () => {
    const receiver = receiverSchema.parse({
      name: 'on-call',
      webhook: { url: URL_TEXT, secrets: [SECRET, SECRET] },
      severity_at_least: 'high',
      labels: { team: 'payments' },
    })
    expect(inspect(receiver, { depth: 9 }) + JSON.stringify(receiver)).not.toContain(SECRET)
    expect(routeOf(receiver)).toEqual({
      name: 'on-call',
      severityAtLeast: 'high',
      labels: { team: 'payments' },
    })
  })

  it.each([
    [
      'both secret and secrets',
      { webhook: { url: URL_TEXT, secret: SECRET, secrets: [SECRET] } },
      'not both',
    ],
    ['no secret', { webhook: { url: URL_TEXT } }, 'a webhook needs "secret"'],
    ['an empty list of secrets', { webhook: { url: URL_TEXT, secrets: [] } }, 'secrets'],
    [
      'a short secret',
      { webhook: { url: URL_TEXT, secret: 'whsec_c2hvcnQ=' } },
      'holds 24 to 64 bytes',
    ],
    [
      'plain http',
      { webhook: { url: 'http://hooks.example.org/', secret: SECRET } },
      'webhook.url: the scheme http: is not allowed',
    ],
    [
      'a private address',
      { webhook: { url: 'https://10.0.0.1/', secret: SECRET } },
      'allow.addresses can open a range',
    ],
    ['an unknown key', { retries: 3 }, 'retries'],
    ['a timeout without unit', { timeout: '15' }, 'expected a duration'],
    ['a timeout that is too long', { timeout: '31s' }, 'at most 30s'],
    ['a timeout of nothing', { timeout: '0s' }, 'expected a duration'],
    [
      'a range that is none',
      { allow: { addresses: ['10.0.0.0/33'] } },
      'expected an address or a range',
    ],
    ['a host as range', { allow: { addresses: ['localhost'] } }, 'expected an address or a range'],
    ['port 0', { allow: { ports: [0] } }, 'ports'],
    ['a name for nobody', { name: 'On Call' }, 'expected lower-case letters'],
    ['another schedule', { schedule: 'never' }, 'urgent'],
    ['a severity that is none', { severity_at_least: 'urgent' }, 'critical'],
  ])('with %s is refused with a sentence about it', (_what, changes, sentence) => {
    const entry = { name: 'a', webhook: { url: URL_TEXT, secret: SECRET }, ...changes }
    const result = receiverSchema.safeParse(entry)
    expect(result.success).toBe(false)
    const text = JSON.stringify(result.error?.issues)
    expect(
      result.error?.issues.map(({ message, path }) => `${path.join('.')}: ${message}`).join('\n'),
    ).toContain(sentence)
    expect(text).not.toContain('c2hvcnQ=')
  })

  it.each(['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '::1', '0.0.0.0/0'])('may open %s', (range) => {
    const webhook = { url: URL_TEXT, secret: SECRET }
    const entry = { name: 'a', webhook, allow: { addresses: [range] } }
    expect(receiverSchema.parse(entry).allow).toEqual({
      http: false,
      addresses: [range],
      ports: [],
    })
  })

  it('is named once', () => {
    const entry = { name: 'a', webhook: { url: URL_TEXT, secret: SECRET } }
    const result = receiversSchema.safeParse([entry, entry])
    expect(result.error?.issues).toMatchObject([
      { path: [1, 'name'], message: 'receiver name "a" is used twice; deliveries are kept by it' },
    ])
  })
})
