/**
 * What becomes of topics under a running Tocsin, and of Tocsin over a running topic: on real
 * brokers of both lines. Nothing is skipped silently, and what is only a mark is no gap.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { KafkaBroker } from './kafka-broker.ts'
import { countingFolder } from './kafka-counting.ts'
import { gelf, kafkaOf, makeTopic, sendTo, withAdmin } from './kafka-traffic.ts'

const WAIT_MS = 60_000

describe.each(['3.9.2', '4.4.0'] as const)('topics of Kafka %s', (version) => {
  let kafka: KafkaBroker
  let brokers: readonly string[]
  let topics = 0
  const running: RunningService[] = []
  const folders: string[] = []

  beforeAll(async () => {
    kafka = await KafkaBroker.startOwn({ version })
    brokers = kafka.addresses.PLAINTEXT
  })
  afterAll(async () => {
    await kafka.close()
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((service) => service.stop()))
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })

  it('are read on where they were left, over aborted transactions and a restart of the broker', async () => {
    const { topic, folder } = await newTopic(2)
    await write(topic, 0, ['a', 'b'])
    await inTransactions(topic, [
      { values: ['t1'], isCommitted: true },
      { values: ['gone'], isCommitted: false },
      { values: ['t2'], isCommitted: true },
    ])
    const service = await start(folder)
    await counted(folder, { a: 1, b: 1, t1: 1, t2: 1 })
    await kafka.stop(1)
    await kafka.up(1)
    await write(topic, 1, ['c'])
    await counted(folder, { a: 1, b: 1, t1: 1, t2: 1, c: 1 })
    await stop(service)

    await inTransactions(topic, [{ values: ['gone too'], isCommitted: false }])
    await write(topic, 0, ['d'])
    await start(folder)
    await counted(folder, { a: 1, b: 1, t1: 1, t2: 1, c: 1, d: 1 })
    expect(rows(folder, 'SELECT * FROM gap')).toEqual([])
  })

  it('say exactly what retention took before it was read, and are read on behind it', async () => {
    const { topic, folder } = await newTopic(1)
    await write(topic, 0, ['a', 'b'])
    const service = await start(folder)
    await counted(folder, { a: 1, b: 1 })
    await stop(service)
    await write(topic, 0, ['lost1', 'lost2', 'lost3', 'c'])
    await withAdmin(brokers, async (admin) => {
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
    })
    await start(folder)
    await counted(folder, { a: 1, b: 1, c: 1 })
    expect(gaps(folder)).toEqual([{ log: `${topic}/0`, from: 2, to: 5, reason: 'retention' }])
    expect(rows(folder, 'SELECT title FROM incident')).toEqual([
      { title: 'Kafka dropped records before they were read' },
    ])
  })

  it('are noticed when they were made anew under the same name, and read from their beginning', async () => {
    const { topic, folder } = await newTopic(1)
    await write(topic, 0, ['a', 'b', 'c'])
    await start(folder)
    await counted(folder, { a: 1, b: 1, c: 1 })
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
    await makeTopic(brokers, topic, 1)
    // More than before, so that the old offset is one of the new topic too.
    await write(topic, 0, ['d', 'e', 'f', 'g', 'h'])
    await counted(folder, { a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1 })
    expect(gaps(folder)).toEqual([{ log: `${topic}/0`, from: 3, to: 3, reason: 'recreated' }])
  })

  it('are read from the beginning of partitions that were added, whatever "start" says', async () => {
    const { topic, folder } = await newTopic(1, 'latest')
    await write(topic, 0, ['before'])
    const service = await start(folder)
    await waitFor('the topic to be open', () =>
      rows(folder, 'SELECT log_offset FROM partition').length > 0 ? true : undefined,
    )
    await write(topic, 0, ['a'])
    await counted(folder, { a: 1 })
    await stop(service)
    await withAdmin(brokers, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
    )
    await waitFor(
      'the partition',
      async () =>
        await write(topic, 1, ['b']).then(
          () => true,
          () => undefined,
        ),
    )
    await start(folder)
    await counted(folder, { a: 1, b: 1 })
    expect(gaps(folder)).toEqual([])
  })

  it('put a record aside that cannot be read, with the records around it', async () => {
    const { topic, folder } = await newTopic(1)
    await write(topic, 0, ['a'])
    await sendRaw(topic, ['{"no": ', 'nothing at all'])
    await write(topic, 0, ['b'])
    await start(folder)
    await counted(folder, { a: 1, b: 1 })
    const aside = rows(folder, 'SELECT reason, bytes FROM quarantine ORDER BY position')
    expect(aside.map((row) => Buffer.from(row['bytes'] as Uint8Array).toString())).toEqual([
      '{"no": ',
      'nothing at all',
    ])
    expect(aside.map((row) => row['reason'])).toEqual(['json', 'json'])
  })

  async function newTopic(
    partitions: number,
    begin = 'earliest',
  ): Promise<{ readonly topic: string; readonly folder: string }> {
    const topic = `topic-${topics++}`
    await makeTopic(brokers, topic, partitions)
    const folder = countingFolder(brokers, topic, { group: topic, start: begin })
    folders.push(folder)
    return { topic, folder }
  }

  async function start(folder: string): Promise<RunningService> {
    const service = await startService(folder)
    running.push(service)
    return service
  }

  async function stop(service: RunningService): Promise<void> {
    running.splice(running.indexOf(service), 1)
    expect(await service.stop()).toBe(0)
  }

  async function write(topic: string, partition: number, names: readonly string[]): Promise<void> {
    await sendAll(
      topic,
      partition,
      names.map((name) => gelf(name)),
    )
  }

  async function sendRaw(topic: string, values: readonly string[]): Promise<void> {
    await sendAll(topic, 0, values)
  }

  async function sendAll(
    topic: string,
    partition: number,
    values: readonly string[],
  ): Promise<void> {
    const producer = kafkaOf(brokers).producer()
    await producer.connect()
    try {
      await sendTo(producer, { topic, partition }, values)
    } finally {
      await producer.disconnect()
    }
  }

  async function inTransactions(
    topic: string,
    transactions: readonly { readonly values: readonly string[]; readonly isCommitted: boolean }[],
  ): Promise<void> {
    const producer = kafkaOf(brokers).producer({ transactionalId: topic, maxInFlightRequests: 1 })
    await producer.connect()
    for (const { values, isCommitted } of transactions) {
      const transaction = await producer.transaction()
      await sendTo(
        transaction,
        { topic, partition: 0 },
        values.map((value) => gelf(value)),
      )
      await (isCommitted ? transaction.commit() : transaction.abort())
    }
    await producer.disconnect()
  }
})

type Row = Readonly<Record<string, unknown>>

function rows(folder: string, query: string): Row[] {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => ({ ...row }))
  } finally {
    database.close()
  }
}

/** Gaps by topic and partition: ids and epochs are not known beforehand. */
function gaps(folder: string): Row[] {
  return rows(folder, 'SELECT * FROM gap ORDER BY seq').map((gap) => {
    const [, topic, , partition] =
      /#([^/]+)\/([^/]+)\/(\d+)@/.exec(gap['partition'] as string) ?? []
    const { from_position: from, to_position: to, reason } = gap
    return { log: `${topic}/${partition}`, from, to, reason }
  })
}

/** Waits until the objective has counted just these, each as often. */
async function counted(folder: string, expected: Readonly<Record<string, number>>): Promise<void> {
  const counts = (): Record<string, number> =>
    Object.fromEntries(
      rows(folder, 'SELECT group_key, total FROM slo_total').map((row) => [
        (JSON.parse(row['group_key'] as string) as string[])[0]!,
        row['total'] as number,
      ]),
    )
  const isThere = () => Object.entries(expected).every(([n, count]) => (counts()[n] ?? 0) >= count)
  await waitFor('the records to be counted', () => (isThere() ? true : undefined), WAIT_MS).catch(
    () => undefined,
  )
  expect(counts()).toEqual(expected)
}
