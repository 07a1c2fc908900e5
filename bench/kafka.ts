import kafkajs from 'kafkajs'

import { openKafkaClient } from '../src/ingest/kafka/client.ts'
import { KafkaBroker } from '../test/services/kafka-broker.ts'
import { kafkaOf, makeTopic, sendTo } from '../test/services/kafka-traffic.ts'
import { HTTP_CONFIG } from '../test/support/service-api.ts'
import { serviceFolder } from '../test/support/service.ts'
import type { Benchmark, Row } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { cpuSecondsOf, median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import type { MessageBlock } from './messages.ts'
import { ruleFile } from './rules.ts'
import { startBenchService, untilCommitted } from './service.ts'
import type { BenchService } from './service.ts'

const TOPIC = 'bench'
const PARTITIONS = 4
const COUNT = 100_000
/** Records of one `send`, and so of one batch. */
const BATCH = 1_000
const RULES = 100

/** Of `JSON.parse`, with 100 rules. */
const FLOOR = 0.05

/** From a real broker to the commit, in the service's own process, beside kafkajs alone. */
export const kafka: Benchmark = {
  summary: 'records of Kafka fetched, journalled, evaluated and committed, against JSON.parse',
  async run({ rounds }) {
    const broker = await KafkaBroker.start({ version: '4.4.0' })
    const brokers = broker.addresses.PLAINTEXT
    await makeTopic(brokers, TOPIC, PARTITIONS)
    const input = `{ name: bench, type: kafka, brokers: ${JSON.stringify(brokers)}, topics: [${TOPIC}], start: earliest }`
    const folder = serviceFolder({
      'tocsin.yaml': `inputs: [${input}]\n${HTTP_CONFIG}\n`,
      'rules/bench.yaml': ruleFile(RULES),
    })
    const service = await startBenchService(folder)
    try {
      return await measure(brokers, service, rounds)
    } finally {
      await service.end()
      await broker.close()
    }
  },
}

async function measure(
  brokers: readonly string[],
  service: BenchService,
  rounds: number,
): ReturnType<Benchmark['run']> {
  const block = messageBlock()
  const yardsticks: number[] = []
  // Once before it counts: compilers and caches of a service that runs for days are warm.
  await consume(brokers, service, block)
  const found = await alternate(
    rounds,
    new Map([
      [
        'service',
        () => {
          yardsticks.push(parseRate(block))
          return consume(brokers, service, block)
        },
      ],
      ['kafkajs alone', () => readAlone(brokers)],
    ]),
  )
  const yardstick = median(yardsticks)
  const names = { [`service, ${RULES} rules`]: 'service', 'kafkajs alone': 'kafkajs alone' }
  const table: Row[] = [
    { what: 'JSON.parse', 'records per CPU-s': spread(yardsticks, rate), 'x JSON.parse': '1' },
    ...Object.entries(names).map(([what, name]) => ({
      what,
      'records per CPU-s': spread(found.get(name)!, rate),
      'x JSON.parse': (median(found.get(name)!) / yardstick).toFixed(3),
    })),
  ]
  const own = median(found.get('service')!)
  const ratio = own / yardstick
  return {
    table,
    figure: `${rate(own)} records per CPU-s to the commit, ${ratio.toFixed(3)} x JSON.parse`,
    shortfalls: shortfall('from Kafka to the commit, of JSON.parse,', ratio, FLOOR),
  }
}

/** Writes a lot and waits until the service has committed it; records per its CPU-second. */
async function consume(
  brokers: readonly string[],
  service: BenchService,
  block: MessageBlock,
): Promise<number> {
  const before = service.committed()
  const cpuBefore = cpuSecondsOf(service.running.pid)
  await produce(brokers, block)
  const committed = (await untilCommitted(service, before + COUNT, 30_000)) - before
  if (committed !== COUNT) throw new Error(`${committed} of ${COUNT} records came through`)
  return committed / (cpuSecondsOf(service.running.pid) - cpuBefore)
}

async function produce(brokers: readonly string[], block: MessageBlock): Promise<void> {
  const { DefaultPartitioner: createPartitioner } = kafkajs.Partitioners
  const producer = kafkaOf(brokers).producer({ createPartitioner })
  await producer.connect()
  const distinct = block.offsets.length - 1
  for (let sent = 0; sent < COUNT; sent += BATCH) {
    const values = Array.from({ length: BATCH }, (_, i) => {
      const at = (sent + i) % distinct
      return block.bytes.toString('utf8', block.offsets[at], block.offsets[at + 1]! - 1)
    })
    await sendTo(producer, { topic: TOPIC, partition: (sent / BATCH) % PARTITIONS }, values)
  }
  await producer.disconnect()
}

/** Our client without anything behind it, in this process, from the topic's beginning. */
async function readAlone(brokers: readonly string[]): Promise<number> {
  const client = openKafkaClient({
    brokers,
    clientId: 'bench',
    groupId: `bench-${performance.now()}`,
    epoch: 1,
    security: {},
    clock: Date.now,
    log: () => undefined,
  })
  const done = Promise.withResolvers<number>()
  let count = 0
  await client.connect()
  await client.describe([TOPIC])
  const cpu = process.cpuUsage()
  const nothing = () => undefined
  await client.run([TOPIC], {
    joined: nothing,
    rebalancing: nothing,
    heartbeat: nothing,
    skipped: nothing,
    crashed: (error) => done.reject(error),
    batch: async (batch) => {
      count += batch.records.length
      batch.resolve(batch.lastOffset)
      await batch.heartbeat()
      const { user, system } = process.cpuUsage(cpu)
      if (count >= COUNT) done.resolve(count / ((user + system) / 1e6))
    },
  })
  try {
    return await done.promise
  } finally {
    await client.disconnect()
  }
}
