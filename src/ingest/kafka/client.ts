/**
 * The one door to kafkajs 2.2.4. It is unmaintained and has traps (design §10, decision 011): what
 * stands here keeps them from the rest.
 *
 *   1. An idle connection spins on a timer of 1 ms: patched, and a test counts timers.
 *   2. It asks Metadata version 6, without topic ids: version 12 is sent over its own connections.
 *   3. It restarts a crashed consumer by itself: it never may, `source.ts` makes a new one.
 *   4. Codecs other than gzip are ours (`codecs.ts`), and decoding has limits (`kafkajs-decoding.ts`).
 */
import { createRequire } from 'node:module'

// Before kafkajs, which it bounds.
import { answerBudget } from './kafkajs-decoding.ts'
import kafkajs from 'kafkajs'
import type {
  Cluster,
  Consumer,
  EachBatchPayload,
  KafkaConfig,
  LogEntry,
  PartitionAssigner,
} from 'kafkajs'

import type { Clock } from '../../lib/clock.ts'
import { registerCodecs } from './codecs.ts'
import { connectionFault } from './connection-fault.ts'
import type { ConnectionStep } from './connection-fault.ts'
import { KafkaFault } from './kafka-client.ts'
import type { KafkaClient, KafkaEvents, TopicFound, TopicPartition } from './kafka-client.ts'
import { faultOf, metadataFault } from './kafka-fault.ts'
import {
  decodeMetadata,
  encodeMetadataRequest,
  METADATA_KEY,
  METADATA_VERSION,
} from './metadata.ts'
import type { TopicError, TopicMetadata } from './metadata.ts'
import { ASSIGNER_NAME, decodeEpoch, encodeEpoch, ownerOf } from './owner-assigner.ts'
import { recordOf } from './record-of.ts'
import type { KafkaSecurityOptions } from './security.ts'

export interface KafkaClientOptions {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly groupId: string
  /** Of the shard's owner: the highest gets all partitions. */
  readonly epoch: number
  readonly security: KafkaSecurityOptions
  readonly clock: Clock
  /** Told what the client says: a line at most, without secrets. */
  readonly log: (level: 'warn' | 'error', message: string) => void
}

/** Measured on real brokers (decision 011): rebalances in 1 s, take-over in about 11 s. */
const TIMING = {
  sessionTimeout: 10_000,
  heartbeatInterval: 1_000,
  rebalanceTimeout: 15_000,
  maxWaitTimeInMs: 500,
  metadataMaxAge: 30_000,
} as const

/** Of one answer and of each partition in it: with decompression some tens of MiB (I2). */
const FETCH_BYTES = 4 * 1_048_576
const PARTITION_BYTES = 1_048_576

/** Partitions whose batches are worked on at once, so that a busy one starves nobody. */
const CONCURRENT_PARTITIONS = 8

const require = createRequire(import.meta.url)
registerCodecs(kafkajs.CompressionCodecs, answerBudget)

export function openKafkaClient(options: KafkaClientOptions): KafkaClient {
  const { brokers, clientId, groupId, security, log } = options
  stopIdleSpin(options.clock)
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    ...(security as Pick<KafkaConfig, 'ssl' | 'sasl'>),
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: 10_000,
    // A broker that is away is tried for some seconds; then the whole consumer is made anew.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => log(levelOf(entry), lineOf(entry)),
  })
  let cluster: Cluster | undefined
  const consumer = kafka.consumer({
    groupId,
    ...TIMING,
    maxBytes: FETCH_BYTES,
    maxBytesPerPartition: PARTITION_BYTES,
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: () => Promise.resolve(false) },
    partitionAssigners: [
      ownerAssigner(options.epoch, (used) => {
        cluster = used
      }),
    ],
  })
  const admin = kafka.admin()
  let hasAnswered = false

  const metadata = (topics: readonly string[]) =>
    askMetadata(cluster as unknown as ClusterInside, topics)
  return {
    async connect() {
      await explained('connect', () => Promise.all([consumer.connect(), admin.connect()]))
    },
    async describe(topics) {
      const found = await explained('ask', async () => {
        const all = await metadata(topics)
        return await Promise.all(all.map((topic) => rangesOf(topic)))
      })
      hasAnswered = true
      return found
    },
    async topicId({ topic, partition }) {
      return await faulty(async () => {
        const inside = cluster as unknown as ClusterInside
        const leaders = inside.findLeaderForPartitions(topic, [partition])
        const [nodeId] = Object.keys(leaders)
        if (nodeId === undefined) return undefined
        const [found] = await askBroker(await inside.findBroker({ nodeId }), [topic])
        return found !== undefined && 'id' in found ? found.id : undefined
      })
    },
    async run(topics, events) {
      await faulty(() => consumer.subscribe({ topics: [...topics], fromBeginning: true }))
      listen(consumer, events)
      await faulty(() =>
        consumer.run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          partitionsConsumedConcurrently: CONCURRENT_PARTITIONS,
          eachBatch: (payload) => events.batch(batchOf(payload)),
        }),
      )
    },
    async commit(offsets) {
      await faulty(() =>
        consumer.commitOffsets(
          offsets.map(({ topic, partition, offset }) => ({
            topic,
            partition,
            offset: String(offset),
          })),
        ),
      )
    },
    seek: ({ topic, partition, offset }) =>
      consumer.seek({ topic, partition, offset: String(offset) }),
    pause: (partitions) => consumer.pause(byTopic(partitions)),
    resume: (partitions) => consumer.resume(byTopic(partitions)),
    async disconnect() {
      await Promise.all([consumer.disconnect(), admin.disconnect()])
    },
  }

  /** Until the first answer a refusal has to do with the settings, and names them. */
  async function explained<T>(step: ConnectionStep, work: () => Promise<T>): Promise<T> {
    try {
      return await faulty(work)
    } catch (error) {
      throw hasAnswered ? error : connectionFault(error as KafkaFault, step, security)
    }
  }

  async function rangesOf(found: TopicMetadata | TopicError): Promise<TopicFound> {
    if ('error' in found) throw metadataFault(found.topic, found.error)
    const offsets = await admin.fetchTopicOffsets(found.topic)
    const partitions = offsets.map(({ partition, low, high }) => {
      return { partition, low: Number(low), high: Number(high) }
    })
    return { topic: found.topic, id: found.id, partitions }
  }
}

function listen(consumer: Consumer, events: KafkaEvents): void {
  const { GROUP_JOIN, REBALANCING, HEARTBEAT, CRASH, END_BATCH_PROCESS } = consumer.events
  consumer.on(GROUP_JOIN, ({ payload }) => {
    const assigned = Object.entries(payload.memberAssignment)
    events.joined(
      assigned.flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    )
  })
  consumer.on(REBALANCING, () => events.rebalancing())
  consumer.on(HEARTBEAT, () => events.heartbeat())
  consumer.on(CRASH, ({ payload: { error } }) => {
    const isPassing = (error as { retriable?: boolean }).retriable !== false
    events.crashed(faultOf(error), isPassing)
  })
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    const { topic, partition, batchSize, lastOffset } = payload
    if (batchSize === 0) events.skipped({ topic, partition, offset: Number(lastOffset) })
  })
}

function batchOf({ batch, ...control }: EachBatchPayload) {
  const { topic, partition } = batch
  return {
    topic,
    partition,
    fetchedOffset: Number((batch as unknown as { fetchedOffset: string }).fetchedOffset),
    lastOffset: Number(batch.lastOffset()),
    highWatermark: Number(batch.highWatermark),
    records: batch.messages.map((message) => recordOf(topic, partition, message)),
    resolve: (offset: number) => control.resolveOffset(String(offset)),
    heartbeat: () => control.heartbeat(),
    isCurrent: () => control.isRunning() && !control.isStale(),
  }
}

function byTopic(list: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...Map.groupBy(list, ({ topic }) => topic)].map(([topic, partitions]) => {
    return { topic, partitions: partitions.map(({ partition }) => partition) }
  })
}

/** Also hands out the consumer's cluster, which kafkajs shows to nobody else. */
function ownerAssigner(epoch: number, useCluster: (cluster: Cluster) => void): PartitionAssigner {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol
  const version = 0
  return ({ cluster }) => {
    useCluster(cluster)
    return {
      name: ASSIGNER_NAME,
      version,
      assign({ members, topics }) {
        const owner = ownerOf(
          members.map(({ memberId, memberMetadata }) => {
            const userData = MemberMetadata.decode(memberMetadata)?.userData
            return { memberId, epoch: decodeEpoch(userData) }
          }),
        )
        const all = Object.fromEntries(
          topics.map((topic) => [
            topic,
            cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
          ]),
        )
        return Promise.resolve(
          members.map(({ memberId }) => {
            const assignment = memberId === owner ? all : {}
            const encoded = MemberAssignment.encode({
              version,
              assignment,
              userData: Buffer.alloc(0),
            })
            return { memberId, memberAssignment: encoded }
          }),
        )
      },
      protocol({ topics }) {
        const metadata = { version, topics, userData: encodeEpoch(epoch) }
        return { name: ASSIGNER_NAME, metadata: MemberMetadata.encode(metadata) }
      },
    }
  }
}

/** What we use of kafkajs's inside; `client.test.ts` notices when it is gone. */
interface ClusterInside {
  readonly brokerPool: { findConnectedBroker(): Promise<BrokerInside> }
  findBroker(options: { readonly nodeId: string }): Promise<BrokerInside>
  /** Partitions by the node that leads them. */
  findLeaderForPartitions(
    topic: string,
    partitions: readonly number[],
  ): Readonly<Record<string, readonly number[]>>
}

interface BrokerInside {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: { send(request: unknown): Promise<Buffer> }
}

async function askMetadata(
  cluster: ClusterInside,
  topics: readonly string[],
): Promise<readonly (TopicMetadata | TopicError)[]> {
  return await askBroker(await cluster.brokerPool.findConnectedBroker(), topics)
}

async function askBroker(
  broker: BrokerInside,
  topics: readonly string[],
): Promise<readonly (TopicMetadata | TopicError)[]> {
  if ((broker.versions?.[METADATA_KEY]?.maxVersion ?? 0) < METADATA_VERSION) {
    throw new KafkaFault(
      'protocol',
      'the broker does not know topics by id: Kafka 2.8 or later is needed',
    )
  }
  const Encoder = require('kafkajs/src/protocol/encoder') as new () => {
    writeBufferInternal(bytes: Buffer): unknown
  }
  const encoder = new Encoder()
  encoder.writeBufferInternal(encodeMetadataRequest(topics))
  const answer = await broker.connectionPool.send({
    request: {
      apiKey: METADATA_KEY,
      apiVersion: METADATA_VERSION,
      apiName: 'Metadata',
      encode: () => Promise.resolve(encoder),
    },
    response: {
      decode: (bytes: Buffer) => Promise.resolve(bytes),
      parse: (bytes: Buffer) => Promise.resolve(bytes),
    },
  })
  return decodeMetadata(answer)
}

let isSpinStopped = false

interface RequestQueueInside {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests: (this: RequestQueueInside) => void
}

/**
 * kafkajs looks at its queue of requests every millisecond, also when it is empty, since Node 20
 * counts time more exactly. Nothing waits in an empty queue: then it need not look.
 */
function stopIdleSpin(clock: Clock): void {
  if (isSpinStopped) return
  isSpinStopped = true
  const { prototype } = require('kafkajs/src/network/requestQueue') as {
    prototype: RequestQueueInside
  }
  const { scheduleCheckPendingRequests: schedule } = prototype
  prototype.scheduleCheckPendingRequests = function (this: RequestQueueInside) {
    const isThrottled = this.throttledUntil > clock()
    if (this.pending.length > 0 || isThrottled) schedule.call(this)
  }
}

async function faulty<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw faultOf(error as Error)
  }
}

function levelOf({ level }: LogEntry): 'warn' | 'error' {
  return level <= kafkajs.logLevel.ERROR ? 'error' : 'warn'
}

function lineOf({ namespace, log }: LogEntry): string {
  const { message } = log
  const cause = typeof log['error'] === 'string' ? `: ${log['error']}` : ''
  return `${namespace}: ${message}${cause}`.slice(0, 500)
}
