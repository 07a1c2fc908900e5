import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { gelfHttpSchema, gelfTcpSchema, gelfUdpSchema } from '../../../src/ingest/gelf/settings.ts'

const inputSchema = z.discriminatedUnion('type', [gelfTcpSchema, gelfUdpSchema, gelfHttpSchema])

const tcp = { name: 'payments', type: 'gelf-tcp' }

test('everything but name, type and address has a default', () => {
  expect(inputSchema.parse({ ...tcp, listen: '127.0.0.1:12201' })).toEqual({
    ...tcp,
    listen: { host: '127.0.0.1', port: 12201 },
    delimiter: 'nul',
    labels: {},
    reorder: 5_000,
    silent_after: 300_000,
    idle_after: 60_000,
    allow_insecure: false,
  })
})

test('durations are read as such', () => {
  const input = { ...tcp, type: 'gelf-udp', listen: 12201, reorder: '1m30s', idle_after: '5m' }
  expect(inputSchema.parse(input)).toMatchObject({ reorder: 90_000, idle_after: 300_000 })
})

test('an input may be silent where that is said', () => {
  const input = { ...tcp, type: 'gelf-udp', listen: 12201 }
  expect(inputSchema.parse({ ...input, silent_after: '1h' }).silent_after).toBe(3_600_000)
  expect(inputSchema.parse({ ...input, silent_after: 'off' }).silent_after).toBeUndefined()
  expect(inputSchema.safeParse({ ...input, silent_after: 'never' }).success).toBe(false)
})

describe('addresses', () => {
  test.each<[string | number, string, number]>([
    ['12201', '127.0.0.1', 12201],
    [12201, '127.0.0.1', 12201],
    [':12201', '127.0.0.1', 12201],
    ['127.0.0.53:0', '127.0.0.53', 0],
    ['localhost:1', 'localhost', 1],
    ['[::1]:12201', '::1', 12201],
  ])('%s', (listen, host, port) => {
    expect(gelfTcpSchema.parse({ ...tcp, listen }).listen).toEqual({ host, port })
  })

  test.each([
    '',
    'host',
    'host:',
    'host:x',
    '1.2.3.4:65536',
    '::1:12201',
    '[x]:1',
    '[::1]',
    'a b:1',
    -1,
    1.5,
  ])('%s is none', (listen) => {
    const result = gelfTcpSchema.safeParse({ ...tcp, listen })
    expect(result.error?.issues[0]?.message).toContain('expected an address such as')
  })
})

describe('what is refused', () => {
  test.each<[string, object, string]>([
    ['an unknown key', { ...tcp, listen: 1, delimeter: 'nul' }, 'delimeter'],
    ['an unknown delimiter', { ...tcp, listen: 1, delimiter: 'crlf' }, 'newline'],
    ['a duration without a unit', { ...tcp, listen: 1, reorder: '5' }, 'a duration such as'],
    [
      'a name that would break a partition id',
      { ...tcp, name: 'a@1', listen: 1 },
      'expected a name',
    ],
    ['a token for TCP', { ...tcp, listen: 1, token: 'x'.repeat(20) }, 'token'],
    ['a short token', { name: 'a', type: 'gelf-http', listen: 1, token: 'short' }, '8 characters'],
    ['another type', { ...tcp, type: 'gelf-tls', listen: 1 }, ''],
  ])('%s', (_, input, message) => {
    const result = inputSchema.safeParse(input)
    expect(result.success).toBe(false)
    expect(JSON.stringify(result.error?.issues)).toContain(message)
  })
})

describe('an input that others can reach', () => {
  const wide = { name: 'a', listen: '0.0.0.0:12201' }

  test.each([
    { ...wide, type: 'gelf-tcp' },
    { ...wide, type: 'gelf-udp' },
    { ...wide, type: 'gelf-http' },
    { ...wide, type: 'gelf-http', token: 'long enough' },
    { ...wide, type: 'gelf-tcp', listen: '[::]:12201' },
    { ...wide, type: 'gelf-tcp', listen: 'graylog.example.org:12201' },
  ])('must be meant: %o', (input) => {
    expect(inputSchema.safeParse(input).error?.issues[0]?.message).toContain('allow_insecure: true')
    expect(inputSchema.safeParse({ ...input, allow_insecure: true }).success).toBe(true)
  })

  test.each([
    ['gelf-tcp', { tls: { cert: 'c', key: 'k', client_ca: 'ca' } }],
    ['gelf-http', { tls: { cert: 'c', key: 'k', client_ca: 'ca' } }],
    ['gelf-http', { tls: { cert: 'c', key: 'k' }, token: 'long enough' }],
  ])('need nothing more when %s is encrypted and its senders are known', (type, more) => {
    expect(inputSchema.safeParse({ ...wide, type, ...more }).success).toBe(true)
  })

  test.each([
    ['gelf-tcp', {}, 'no encryption (tls) and no client certificates (tls.client_ca)'],
    ['gelf-tcp', { tls: { cert: 'c', key: 'k' } }, 'has no client certificates (tls.client_ca)'],
    ['gelf-http', { token: 'long enough' }, 'has no encryption (tls):'],
    ['gelf-udp', {}, 'has no encryption (tls):'],
  ])('the sentence says what %s lacks: %o', (type, more, lack) => {
    const { error } = inputSchema.safeParse({ ...wide, type, ...more })
    expect(error?.issues[0]?.message).toContain(lack)
  })

  test('the sentence names the missing token', () => {
    const message = (token?: string) =>
      gelfHttpSchema.safeParse({ ...wide, type: 'gelf-http', token }).error?.issues[0]?.message
    expect([message(), message('long enough')]).toEqual([
      expect.stringContaining('no token'),
      expect.not.stringContaining('no token'),
    ])
  })
})

test('the schemas can be shown to editors', () => {
  for (const schema of [gelfTcpSchema, gelfUdpSchema, gelfHttpSchema]) {
    expect(z.toJSONSchema(schema, { io: 'input' })).toMatchObject({
      type: 'object',
      required: ['type', 'name', 'listen'],
    })
  }
})
