import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { securityOf } from '../../../src/ingest/kafka/security.ts'
import { kafkaSchema } from '../../../src/ingest/kafka/settings.ts'

const input = (more: Readonly<Record<string, unknown>> = {}) => ({
  type: 'kafka',
  name: 'orders',
  brokers: ['localhost:9092'],
  topics: ['orders'],
  ...more,
})

/** What is wrong with an input, as `path: message`. */
function faults(more: Readonly<Record<string, unknown>>): string[] {
  const { error } = kafkaSchema.safeParse(input(more))
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** Certificates of this run: two pairs, so that one can be mixed up with the other. */
let folder: string
const pem = (name: string) => readFileSync(join(folder, name), 'utf8')
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-kafka-settings-'))
  for (const name of ['a', 'b']) {
    const made = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`
    execFileSync('openssl', made.split(' '), { cwd: folder, stdio: 'ignore' })
  }
  const encrypted = 'pkcs8 -topk8 -in a.key -out a.secret.key -passout pass:opensesame'
  execFileSync('openssl', encrypted.split(' '), { cwd: folder, stdio: 'ignore' })
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('the least that can be said is a broker and a topic of GELF', () => {
  expect(kafkaSchema.parse(input())).toMatchObject({
    topics: [{ topic: 'orders', format: 'gelf', headers: [] }],
    group: 'tocsin',
    tls: false,
    allow_insecure: false,
  })
})

test('each topic has a format of its own, with what that format needs', () => {
  const topics = [
    { topic: 'a' },
    { topic: 'b', format: 'json', fields: { time: '@timestamp' }, headers: ['x-id'] },
    { topic: 'c', format: 'cloudevents' },
    { topic: 'd', format: 'text', source: 'mainframe' },
  ]
  expect(kafkaSchema.parse(input({ topics })).topics).toEqual([
    { topic: 'a', format: 'gelf', headers: [] },
    {
      topic: 'b',
      format: 'json',
      headers: ['x-id'],
      fields: { time: '@timestamp', source: 'source', message: 'message' },
    },
    { topic: 'c', format: 'cloudevents', headers: [], message: 'message' },
    { topic: 'd', format: 'text', headers: [], source: 'mainframe' },
  ])
})

describe('what is refused says what was expected', () => {
  test.each([
    ['no brokers', { brokers: [] }, /^brokers: /],
    ['a broker without a port', { brokers: ['kafka-1'] }, /^brokers\.0: expected a broker such as/],
    [
      'a broker that is an address of the web',
      { brokers: ['http://kafka-1:9092'] },
      /^brokers\.0: expected a broker/,
    ],
    [
      'a port that is none',
      { brokers: ['kafka-1:65536'] },
      /^brokers\.0: expected a port up to 65535/,
    ],
    ['no topics', { topics: [] }, /^topics: /],
    [
      'a topic twice',
      { topics: ['a', { topic: 'a', format: 'json' }] },
      /^topics\.1: "a" is listed twice/,
    ],
    ['a topic that is none', { topics: ['a b'] }, /^topics\.0\.topic: expected a name of letters/],
    [
      'an unknown format',
      { topics: [{ topic: 'a', format: 'xml' }] },
      /^topics\.0\.format: expected .*"cloudevents"/,
    ],
    [
      'a key of another format',
      { topics: [{ topic: 'a', format: 'text', fields: {} }] },
      /^topics\.0: Unrecognized key/,
    ],
    [
      'a path that is none',
      { topics: [{ topic: 'a', format: 'json', fields: { time: 'a..b' } }] },
      /fields\.time: expected a path/,
    ],
    [
      'an unknown mechanism',
      { sasl: { mechanism: 'gssapi' } },
      /^sasl\.mechanism: expected a "mechanism": "plain"/,
    ],
    [
      'a user without a password',
      { sasl: { mechanism: 'plain', username: 'u' } },
      /^sasl\.password: /,
    ],
    ['no token', { sasl: { mechanism: 'oauthbearer' } }, /^sasl: expected "token" or "token_file"/],
    [
      'two tokens',
      { sasl: { mechanism: 'oauthbearer', token: 't', token_file: 'f' } },
      /and not both/,
    ],
    [
      'an authority that is none',
      { tls: { ca: 'ca.pem' } },
      /^tls\.ca: expected certificates in PEM form/,
    ],
  ] as const)('%s', (_, more, expected) => {
    expect(faults(more).join('\n')).toMatch(expected)
  })
})

describe('secrets in the clear to other machines need a deliberate word', () => {
  const far = { brokers: ['localhost:9092', 'kafka-1.example.org:9092'] }
  const plain = { sasl: { mechanism: 'plain', username: 'u', password: 'p' } }

  test.each([
    [
      'PLAIN',
      { ...far, ...plain },
      /"plain" sends its secret readably to "kafka-1\.example\.org:9092"/,
    ],
    ['a token', { ...far, sasl: { mechanism: 'oauthbearer', token: 't' } }, /"oauthbearer" sends/],
    ['PLAIN over TLS', { ...far, ...plain, tls: true }, undefined],
    ['PLAIN on this machine', { ...plain, brokers: ['127.0.0.1:9092', '[::1]:9092'] }, undefined],
    ['PLAIN, deliberately', { ...far, ...plain, allow_insecure: true }, undefined],
    [
      'SCRAM, which sends none',
      { ...far, sasl: { ...plain.sasl, mechanism: 'scram-sha-256' } },
      undefined,
    ],
  ] as const)('%s', (_, more, expected) => {
    if (expected === undefined) expect(faults(more)).toEqual([])
    else expect(faults(more)).toEqual([expect.stringMatching(expected)])
  })
})

describe('certificates are looked at before any broker does', () => {
  test('a certificate and its key become options of a connection', () => {
    const tls = {
      ca: pem('b.crt'),
      certificate: pem('a.crt'),
      key: pem('a.key'),
      server_name: 'kafka',
    }
    const parsed = kafkaSchema.parse(input({ tls }))
    expect(securityOf(parsed).ssl).toEqual({
      minVersion: 'TLSv1.2',
      ca: pem('b.crt'),
      cert: pem('a.crt'),
      key: pem('a.key'),
      servername: 'kafka',
    })
  })

  test.each([
    [
      'a certificate without a key',
      () => ({ certificate: pem('a.crt') }),
      /^tls\.key: .*belong together/,
    ],
    [
      'a key without a certificate',
      () => ({ key: pem('a.key') }),
      /^tls\.certificate: .*belong together/,
    ],
    [
      'the key of another certificate',
      () => ({ certificate: pem('a.crt'), key: pem('b.key') }),
      /^tls\.key: this is not the key/,
    ],
    [
      'an encrypted key without its passphrase',
      () => ({ certificate: pem('a.crt'), key: pem('a.secret.key') }),
      /^tls\.key: .*"passphrase" missing or wrong/,
    ],
    [
      'an encrypted key with a wrong one',
      () => ({ certificate: pem('a.crt'), key: pem('a.secret.key'), passphrase: 'x' }),
      /missing or wrong/,
    ],
    [
      'a certificate that is damaged',
      () => ({ ca: pem('a.crt').replace(/[A-Z]{3}/, 'xxx') }),
      /^tls\.ca: expected certificates/,
    ],
  ])('%s', (_, tls, expected) => {
    expect(faults({ tls: tls() })).toEqual([expect.stringMatching(expected)])
  })

  test('an encrypted key with its passphrase is taken', () => {
    const tls = { certificate: pem('a.crt'), key: pem('a.secret.key'), passphrase: 'opensesame' }
    expect(faults({ tls })).toEqual([])
  })
})

describe('a token', () => {
  const provider = (sasl: object) => {
    const { sasl: options } = securityOf(
      kafkaSchema.parse(input({ sasl: { mechanism: 'oauthbearer', ...sasl } })),
    )
    if (options?.mechanism !== 'oauthbearer') throw new Error('expected a token')
    return options.oauthBearerProvider
  }

  test('may stand in the settings', async () => {
    expect(await provider({ token: 't1' })()).toEqual({ value: 't1' })
  })

  test('of a file is read each time, so that a new one is taken', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, 't1\n')
    const read = provider({ token_file: file })
    expect(await read()).toEqual({ value: 't1' })
    writeFileSync(file, 't2')
    expect(await read()).toEqual({ value: 't2' })
    writeFileSync(file, '\n')
    await expect(read()).rejects.toThrow(/the token file ".*" is empty/)
  })
})
