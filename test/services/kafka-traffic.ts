import { setTimeout as sleep } from 'node:timers/promises'

import kafkajs from 'kafkajs'
import type { Admin, Kafka, Producer } from 'kafkajs'

/** A client for a test: quiet, and patient with a broker that comes and goes. */
export function kafkaOf(brokers: readonly string[]): Kafka {
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'test',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 60 },
  })
}

/** Runs work with an admin client and closes it. */
export async function withAdmin<T>(
  brokers: readonly string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = kafkaOf(brokers).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Makes a topic; resolves when every partition of it has a leader. */
export async function makeTopic(
  brokers: readonly string[],
  topic: string,
  partitions: number,
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // Not waited for by kafkajs: with three brokers another one answers too early, and it throws.
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions }],
      waitForLeaders: false,
    })
    for (;;) {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
        const leaders = topics[0]!.partitions.filter(({ leader }) => leader >= 0)
        if (leaders.length === partitions) return
      } catch {
        // Not known there yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
}

/**
 * Sends messages to one partition and checks that they were written: with several partitions in
 * one `send`, kafkajs answers for records that no broker has (measured; `KafkaBroker`).
 */
export async function sendTo(
  producer: Pick<Producer, 'send'>,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  values: readonly string[],
): Promise<void> {
  const messages = values.map((value) => ({ value, partition }))
  const answers = await producer.send({ topic, messages, acks: -1 })
  if (answers.length !== 1 || answers[0]!.partition !== partition) {
    throw new Error(`sent to ${topic}/${partition}, but written to ${JSON.stringify(answers)}`)
  }
}

/** One GELF message; `n` is its name in the objectives that count it. */
export function gelf(n: string, fields: Readonly<Record<string, unknown>> = {}): string {
  const timestamp = Date.now() / 1_000
  return JSON.stringify({
    version: '1.1',
    host: 'test',
    short_message: 'order',
    timestamp,
    _n: n,
    ...fields,
  })
}

/**
 * Writes until it is stopped: one idempotent producer, and a transactional one that takes every
 * third of its transactions back. Only the log says what was written.
 */
export function keepWriting(options: {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly partitions: number
  readonly perSecond: number
}): { stop(): Promise<void> } {
  const { brokers, topic, partitions, perSecond } = options
  const kafka = kafkaOf(brokers)
  const stopping = new AbortController()
  const perRound = Math.max(1, Math.round(perSecond / 20))
  let sent = 0
  const values = (kind: string, count: number): string[] =>
    Array.from({ length: count }, () => gelf(`${kind}${sent++}`))

  const plain = until(stopping.signal, 50, {
    producer: () => kafka.producer({ idempotent: true, maxInFlightRequests: 1 }),
    async write(producer, round) {
      const partition = round % partitions
      await sendTo(producer, { topic, partition }, values('i', perRound))
    },
  })
  const transactionalId = `test-${topic}`
  const transactions = until(stopping.signal, 100, {
    producer: () => kafka.producer({ transactionalId, maxInFlightRequests: 1 }),
    async write(producer, round) {
      const transaction = await producer.transaction()
      const isTakenBack = round % 3 === 2
      const kind = isTakenBack ? 'aborted' : 't'
      await sendTo(transaction, { topic, partition: round % partitions }, values(kind, 5))
      await (isTakenBack ? transaction.abort() : transaction.commit())
    },
  })
  const writing = Promise.all([plain, transactions])
  return {
    async stop() {
      stopping.abort()
      await writing
    },
  }
}

/**
 * Writes again and again. A producer that fails, as when its coordinator moves in the middle of a
 * transaction, is replaced by a new one: what became of its records only the log knows.
 */
async function until(
  signal: AbortSignal,
  pauseMs: number,
  {
    producer: make,
    write,
  }: {
    readonly producer: () => Producer
    readonly write: (producer: Producer, round: number) => Promise<void>
  },
): Promise<void> {
  let producer: Producer | undefined
  for (let round = 0; !signal.aborted; round++) {
    try {
      if (producer === undefined) {
        producer = make()
        await producer.connect()
      }
      await write(producer, round)
    } catch {
      void producer?.disconnect().catch(() => undefined)
      producer = undefined
    }
    await sleep(pauseMs)
  }
  await producer?.disconnect()
}

/** What a reader of committed records finds in a topic: how often each `n` is there. */
export async function readLog(
  brokers: readonly string[],
  topic: string,
): Promise<ReadonlyMap<string, number>> {
  const ends = await withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic))
  const found = new Map<string, number>()
  const consumer = kafkaOf(brokers).consumer({ groupId: `reader-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const left = new Set(ends.filter(({ high }) => high !== '0').map(({ partition }) => partition))
  const isRead = Promise.withResolvers<void>()
  const reached = (partition: number, next: number): void => {
    const end = ends.find((one) => one.partition === partition)!
    if (next >= Number(end.high)) left.delete(partition)
    if (left.size === 0) isRead.resolve()
  }
  // Batches that hold nothing but the marks of transactions are told only so.
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    reached(payload.partition, Number(payload.lastOffset) + 1)
  })
  await consumer.run({
    autoCommit: false,
    eachBatch({ batch }) {
      for (const { value } of batch.messages) {
        const { _n: n } = JSON.parse(value!.toString()) as { _n: string }
        found.set(n, (found.get(n) ?? 0) + 1)
      }
      return Promise.resolve()
    },
  })
  if (left.size > 0) await isRead.promise
  // It may be told that the group moved on with a broker: nothing of it is needed any more.
  await consumer.disconnect().catch(() => undefined)
  return found
}
