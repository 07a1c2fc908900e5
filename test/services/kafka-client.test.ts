/**
 * Our client on real brokers: every way of security, good and bad, and the records of other clients
 * in every compression. Of the last 3.x and the newest 4.x line.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import kafkajs from 'kafkajs'

import { openKafkaClient } from '../../src/ingest/kafka/client.ts'
import type { KafkaClient } from '../../src/ingest/kafka/kafka-client.ts'
import { securityOf } from '../../src/ingest/kafka/security.ts'
import { kafkaSchema } from '../../src/ingest/kafka/settings.ts'
import { waitFor } from '../support/wait-for.ts'
import { needDebian, runs } from './debian.ts'
import { consoleProducer, KafkaBroker } from './kafka-broker.ts'
import { KAFKA_VERSIONS } from './kafka-jars.ts'
import { KAFKA_USER } from './kafka-properties.ts'
import type { ClientListener } from './kafka-properties.ts'
import { kafkaOf, makeTopic, withAdmin } from './kafka-traffic.ts'

/** Long and short, of every width of character: some block of it is compressed in every way. */
const LINES = Array.from(
  { length: 1_000 },
  (_, i) => `${i} Grüße 😀 ${'lorem ipsum '.repeat(i % 40)}`,
)
const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const WRITERS = ['console', 'kcat', 'recompressed', 'own'] as const

/** Lasts long enough for a slow machine to look at it, and is of nobody Kafka could ask. */
function unsignedToken(secondsLeft: number): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url')
  const now = Math.floor(Date.now() / 1_000)
  const claims = { sub: 'alice', iat: now - 100, exp: now + secondsLeft }
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

beforeAll(() => {
  needDebian({ what: 'kcat', packages: ['kcat'], isThere: () => runs('kcat', '-V') })
})

describe.each(KAFKA_VERSIONS)('Kafka %s', (version) => {
  let kafka: KafkaBroker
  const topicOf = (writer: string, codec: string) => `${writer}-${codec}-${process.pid}`

  beforeAll(async () => {
    kafka = await KafkaBroker.start({ version })
    for (const writer of WRITERS) {
      for (const codec of CODECS)
        await makeTopic(kafka.addresses.PLAINTEXT, topicOf(writer, codec), 1)
    }
  })
  afterAll(async () => {
    await kafka.close()
  })

  function clientOf(
    listener: ClientListener,
    settings: Readonly<Record<string, unknown>>,
  ): KafkaClient {
    const { brokers, ...parsed } = kafkaSchema.parse({
      type: 'kafka',
      name: 'orders',
      topics: [topicOf('kcat', 'gzip')],
      brokers: kafka.addresses[listener],
      ...settings,
    })
    return openKafkaClient({
      brokers,
      clientId: 'test',
      groupId: `test-${process.pid}`,
      epoch: 1,
      security: securityOf(parsed),
      clock: Date.now,
      log: () => undefined,
    })
  }

  type Settings = () => Readonly<Record<string, unknown>>
  const ca = () => ({ tls: { ca: kafka.certificates.ca } })
  const own = () => ({
    ...ca().tls,
    certificate: kafka.certificates.clientCertificate,
    key: kafka.certificates.clientKey,
  })
  const password = (mechanism: string, more: object = {}) => ({
    sasl: { mechanism, ...KAFKA_USER, ...more },
  })
  const token = (text: string) => ({ sasl: { mechanism: 'oauthbearer', token: text } })

  test.each<[string, ClientListener, Settings]>([
    ['nothing', 'PLAINTEXT', () => ({})],
    ['PLAIN', 'SASL_PLAINTEXT', () => password('plain')],
    ['SCRAM-SHA-256', 'SASL_PLAINTEXT', () => password('scram-sha-256')],
    ['SCRAM-SHA-512', 'SASL_PLAINTEXT', () => password('scram-sha-512')],
    ['TLS', 'SSL', ca],
    ['TLS with a certificate of ours', 'MTLS', () => ({ tls: own() })],
    ['PLAIN over TLS', 'SASL_SSL', () => ({ ...ca(), ...password('plain') })],
    ['SCRAM-SHA-512 over TLS', 'SASL_SSL', () => ({ ...ca(), ...password('scram-sha-512') })],
    ['a token', 'OAUTHBEARER', () => token(unsignedToken(3_600))],
  ])('reads with %s', async (_, listener, settings) => {
    const client = clientOf(listener, settings())
    try {
      await client.connect()
      const [found] = await client.describe([topicOf('kcat', 'gzip')])
      expect(found!.partitions).toHaveLength(1)
    } finally {
      await client.disconnect()
    }
  })

  test.each<[string, ClientListener, Settings, string, RegExp]>([
    [
      'a wrong password (PLAIN)',
      'SASL_PLAINTEXT',
      () => password('plain', { password: 'x' }),
      'authentication',
      /user name or password of "sasl\.mechanism: plain"/,
    ],
    [
      'a wrong password (SCRAM)',
      'SASL_SSL',
      () => ({ ...ca(), ...password('scram-sha-256', { password: 'x' }) }),
      'authentication',
      /user name or password of "sasl\.mechanism: scram-sha-256"/,
    ],
    [
      'an unknown user',
      'SASL_PLAINTEXT',
      () => password('scram-sha-512', { username: 'bob' }),
      'authentication',
      /user name or password/,
    ],
    [
      'no credentials where some are asked for',
      'SASL_PLAINTEXT',
      () => ({}),
      'authentication',
      /asks for credentials, and "sasl" is not set/,
    ],
    [
      'the same over TLS',
      'SASL_SSL',
      ca,
      'authentication',
      /asks for credentials, and "sasl" is not set/,
    ],
    [
      'credentials where none are asked for',
      'PLAINTEXT',
      () => password('plain'),
      'authentication',
      /asks for no credentials on this port/,
    ],
    [
      'a token where passwords are asked for',
      'SASL_PLAINTEXT',
      () => token(unsignedToken(3_600)),
      'authentication',
      /does not know "sasl\.mechanism: oauthbearer"/,
    ],
    [
      'an expired token',
      'OAUTHBEARER',
      () => token(unsignedToken(-60)),
      'authentication',
      /does not accept the token/,
    ],
    [
      'a token that is none',
      'OAUTHBEARER',
      () => token('none'),
      'authentication',
      /does not accept the token/,
    ],
    [
      'an authority that Node does not know',
      'SSL',
      () => ({ tls: true }),
      'unreachable',
      /not trusted .*give its authority as "tls\.ca"/,
    ],
    [
      'a certificate of another name',
      'SSL',
      () => ({ tls: { ...ca().tls, server_name: 'other.example' } }),
      'unreachable',
      /of another name .*"tls\.server_name"/,
    ],
    [
      'no certificate of ours where one is asked for',
      'MTLS',
      ca,
      'authentication',
      /set "tls\.certificate" and "tls\.key"/,
    ],
    [
      'no TLS where it is spoken',
      'SSL',
      () => ({}),
      'unreachable',
      /may speak TLS, and "tls" is not set/,
    ],
    [
      'TLS where it is not spoken',
      'PLAINTEXT',
      ca,
      'unreachable',
      /does not speak TLS on this port/,
    ],
  ])('says what is wrong with %s', async (_, listener, settings, reason, sentence) => {
    const client = clientOf(listener, settings())
    const reading = async () => {
      await client.connect()
      await client.describe([topicOf('kcat', 'gzip')])
    }
    await expect(reading()).rejects.toMatchObject({
      name: 'KafkaFault',
      reason,
      message: expect.stringMatching(sentence) as string,
    })
    await client.disconnect()
  })

  test('reads the records of Java, librdkafka, kafkajs and a recompressing broker in every codec', async () => {
    const brokers = kafka.addresses.PLAINTEXT
    for (const codec of CODECS) {
      const options = { brokers: brokers.join(), compression: codec }
      await consoleProducer({ ...options, topic: topicOf('console', codec) }, LINES)
      await kcat(['-P', '-b', options.brokers, '-t', topicOf('kcat', codec), '-z', codec], LINES)
      await recompress(brokers, topicOf('recompressed', codec), codec)
      await produce(brokers, topicOf('own', codec), codec)
    }
    const unpacked = countUnpacked()
    const topics = WRITERS.flatMap((writer) => CODECS.map((codec) => topicOf(writer, codec)))
    const read = await readTopics(() => clientOf('PLAINTEXT', {}), topics, LINES.length)
    for (const topic of topics) expect(read.get(topic), topic).toEqual(LINES)
    for (const codec of CODECS) expect(unpacked.get(codec), codec).toBeGreaterThan(0)
  })

  test.each(CODECS)('librdkafka reads what is written with our %s', async (codec) => {
    const args = ['-C', '-q', '-e', '-b', kafka.addresses.PLAINTEXT.join()]
    expect(await kcat([...args, '-t', topicOf('own', codec)], [])).toEqual(LINES)
  })
})

/** Runs kcat with these lines as its input; resolves with the lines of its output. */
async function kcat(args: readonly string[], lines: readonly string[]): Promise<string[]> {
  const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${status}`)
  return out.split('\n').slice(0, -1)
}

/** Written as it is, packed by the broker because the topic says so. */
async function recompress(brokers: readonly string[], topic: string, codec: string): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const configEntries = [{ name: 'compression.type', value: codec }]
    const type = kafkajs.ConfigResourceTypes.TOPIC
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type, name: topic, configEntries }],
    })
  })
  await kcat(['-P', '-b', brokers.join(), '-t', topic], LINES)
}

async function produce(
  brokers: readonly string[],
  topic: string,
  codec: (typeof CODECS)[number],
): Promise<void> {
  const producer = kafkaOf(brokers).producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  const messages = LINES.map((value) => ({ value, partition: 0 }))
  await producer.send({ topic, messages, acks: -1, compression: CODECS.indexOf(codec) + 1 })
  await producer.disconnect()
}

/** How often each codec is used from now on. */
function countUnpacked(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const [i, name] of CODECS.entries()) {
    const codecs = kafkajs.CompressionCodecs as Record<number, () => Codec>
    const codec = codecs[i + 1]!()
    codecs[i + 1] = () => ({
      ...codec,
      decompress: async (bytes) => {
        counts.set(name, (counts.get(name) ?? 0) + 1)
        return await codec.decompress(bytes)
      },
    })
  }
  return counts
}

interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

/** A new group's coordinator may still be loading; more tries than that are a fault. */
const TRIES = 5

/** The values of topics of one partition each, once all have so many. */
async function readTopics(
  openClient: () => KafkaClient,
  topics: readonly string[],
  count: number,
): Promise<ReadonlyMap<string, readonly string[]>> {
  for (let tries = 1; ; tries++) {
    const read = new Map<string, string[]>(topics.map((topic) => [topic, []]))
    const crashes: Error[] = []
    const client = openClient()
    await client.connect()
    await client.describe(topics)
    await client.run(topics, {
      ...WATCHING,
      crashed: (error) => void crashes.push(error),
      batch: async (batch) => {
        for (const { value, offset } of batch.records) {
          read.get(batch.topic)!.push(Buffer.from(value!).toString())
          batch.resolve(offset)
        }
        await batch.heartbeat()
      },
    })
    const isWhole = () => [...read.values()].every((lines) => lines.length >= count)
    try {
      await waitFor('all records', () => crashes.length > 0 || isWhole() || undefined, 60_000)
    } finally {
      await client.disconnect()
    }
    if (crashes.length === 0) return read
    if (tries === TRIES) throw crashes[0]!
  }
}

const WATCHING = {
  joined: () => undefined,
  rebalancing: () => undefined,
  heartbeat: () => undefined,
  skipped: () => undefined,
}
