/**
 * Every record counts once, whatever happens to the processes: one owner and two standbys are
 * killed, and stopped for longer than the group's session lasts, while an idempotent and a
 * transactional producer write. The truth is the log, as another consumer reads it.
 *
 * In CI a minute with two kills and two stops. `KAFKA_RUN_SECONDS`, `KAFKA_RUN_KILLS`,
 * `KAFKA_RUN_STOPS`, `KAFKA_RUN_LEADERS` and `KAFKA_RUN_RATE` make it a long run, with
 * `KAFKA_RUN_PLAIN` beside a plain consumer, `KAFKA_RUN_LINES` with what the processes said.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { serviceFolder } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { KafkaBroker } from './kafka-broker.ts'
import { countingFolder } from './kafka-counting.ts'
import type { KafkaVersion } from './kafka-jars.ts'
import { nemesis } from './kafka-nemesis.ts'
import { PlainConsumers } from './kafka-plain-consumers.ts'
import { KafkaReplicas } from './kafka-replicas.ts'
import { keepWriting, makeTopic, readLog } from './kafka-traffic.ts'

const SECONDS = numberOf('KAFKA_RUN_SECONDS', 60)
const KILLS = numberOf('KAFKA_RUN_KILLS', 2)
const STOPS = numberOf('KAFKA_RUN_STOPS', 2)
const LEADERS = numberOf('KAFKA_RUN_LEADERS', 0)
const RATE = numberOf('KAFKA_RUN_RATE', 400)
const VERSION = (process.env['KAFKA_RUN_VERSION'] ?? '4.4.0') as KafkaVersion
const PARTITIONS = 6
const TOPIC = 'orders'

let kafka: KafkaBroker
beforeAll(async () => {
  kafka = await KafkaBroker.startOwn({ version: VERSION, brokers: LEADERS > 0 ? 3 : 1 })
})
afterAll(async () => {
  await kafka.close()
})

it(
  `counts each of ${RATE * SECONDS} records once through ${KILLS} kills and ${STOPS} stops`,
  async () => {
    const brokers = kafka.addresses.PLAINTEXT
    await makeTopic(brokers, TOPIC, PARTITIONS)
    const folder = countingFolder(brokers, TOPIC)
    const replicas = new KafkaReplicas(folder, 3)
    const writing = keepWriting({
      brokers,
      topic: TOPIC,
      partitions: PARTITIONS,
      perSecond: RATE,
    })
    await nemesis({
      replicas,
      kafka,
      seconds: SECONDS,
      kills: KILLS,
      stops: STOPS,
      leaders: LEADERS,
    })
    await writing.stop()

    const log = await readLog(brokers, TOPIC)
    const records = [...log.values()].reduce((sum, count) => sum + count, 0)
    await waitFor(
      `${records} records to be counted`,
      () => (replicas.total() >= records ? true : undefined),
      90_000,
    ).catch(() => undefined)
    await replicas.stop()

    const counts = replicas.counts()
    const missing = [...log].filter(([n, count]) => (counts.get(n) ?? 0) < count)
    const doubled = [...counts].filter(([n, count]) => count > (log.get(n) ?? 0))
    const said = { ends: replicas.ends, occurrences: Object.fromEntries(replicas.occurrences) }
    process.stdout.write(
      `${JSON.stringify({ records, missing: missing.length, doubled: doubled.length, ...said })}\n`,
    )
    if (missing.length + doubled.length > 0 || process.env['KAFKA_RUN_LINES'])
      process.stdout.write(replicas.lines.join('\n'))
    expect({ missing: missing.slice(0, 5), doubled: doubled.slice(0, 5) }).toEqual({
      missing: [],
      doubled: [],
    })
    expect(records).toBeGreaterThan(RATE * SECONDS * 0.3)
    expect(replicas.gaps()).toEqual([])
    expect(replicas.ends.filter((end) => end === 'SIGKILL').length).toBeGreaterThanOrEqual(KILLS)
    rmSync(folder, { recursive: true, force: true })
  },
  (SECONDS + 240) * 1_000,
)

/** The proof that the run above bites: a consumer as everybody writes it does not pass. */
it.runIf(process.env['KAFKA_RUN_PLAIN'] !== undefined)(
  'shows duplicates with a plain kafkajs consumer',
  async () => {
    const brokers = kafka.addresses.PLAINTEXT
    const topic = 'plain'
    await makeTopic(brokers, topic, PARTITIONS)
    const folder = serviceFolder({})
    const consumers = new PlainConsumers(join(folder, 'seen.db'), topic, brokers)
    const writing = keepWriting({ brokers, topic, partitions: PARTITIONS, perSecond: RATE })
    const deeds = { seconds: SECONDS, kills: KILLS, stops: STOPS, leaders: LEADERS }
    await nemesis({ replicas: consumers, kafka, ...deeds })
    await writing.stop()
    const log = await readLog(brokers, topic)
    await waitFor(
      'every record',
      () => (consumers.distinct() >= log.size ? true : undefined),
      90_000,
    )
    const duplicates = consumers.duplicates(log)
    await consumers.stop()
    process.stdout.write(`${JSON.stringify({ records: log.size, duplicates })}\n`)
    expect(duplicates).toBeGreaterThan(0)
    rmSync(folder, { recursive: true, force: true })
  },
  (SECONDS + 240) * 1_000,
)

function numberOf(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise)
  if (!Number.isFinite(value)) throw new Error(`${name} is no number`)
  return value
}
