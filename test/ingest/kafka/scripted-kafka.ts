import type {
  KafkaBatch,
  KafkaClient,
  KafkaEvents,
  TopicFound,
  TopicOffset,
  TopicPartition,
} from '../../../src/ingest/kafka/kafka-client.ts'
import type { KafkaRecord } from '../../../src/ingest/kafka/record.ts'

/** A Kafka client that does what a test says, and writes down what it is asked for. */
export class ScriptedKafka implements KafkaClient {
  readonly calls: string[] = []
  readonly committed: TopicOffset[] = []
  topics: TopicFound[] = []
  events: KafkaEvents | undefined
  /** Thrown by the next calls of that name. */
  readonly faults = new Map<string, Error>()
  isCurrent = true

  connect(): Promise<void> {
    return this.#answer('connect', undefined)
  }

  describe(): Promise<readonly TopicFound[]> {
    return this.#answer('describe', this.topics)
  }

  topicId({ topic }: TopicPartition): Promise<string | undefined> {
    return this.#answer('topicId', this.topics.find((found) => found.topic === topic)?.id)
  }

  run(_topics: readonly string[], events: KafkaEvents): Promise<void> {
    this.events = events
    return this.#answer('run', undefined)
  }

  commit(offsets: readonly TopicOffset[]): Promise<void> {
    this.committed.push(...offsets)
    return this.#answer('commit', undefined)
  }

  seek({ topic, partition, offset }: TopicOffset): void {
    this.calls.push(`seek ${topic}/${partition} ${offset}`)
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.calls.push(`pause ${names(partitions)}`)
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.calls.push(`resume ${names(partitions)}`)
  }

  disconnect(): Promise<void> {
    return this.#answer('disconnect', undefined)
  }

  /** What the calls since the last look were, but for questions. */
  newCalls(): string[] {
    return this.calls.splice(0).filter((call) => !/^(describe|topicId|commit)$/.test(call))
  }

  /** Hands out a batch as a fetch would; resolves when it was worked on. */
  async fetched(
    batch: Partial<KafkaBatch> & { readonly fetchedOffset: number },
    values: readonly string[] = [],
  ): Promise<void> {
    const topic = batch.topic ?? 'orders'
    const partition = batch.partition ?? 0
    const { fetchedOffset } = batch
    const records = values.map((value, i): KafkaRecord => {
      const offset = fetchedOffset + i
      const bytes = Buffer.from(value)
      return { topic, partition, offset, timestampMs: 1, key: null, value: bytes, headers: [] }
    })
    const lastOffset = fetchedOffset + values.length - 1
    await this.events!.batch({
      topic,
      partition,
      lastOffset,
      highWatermark: lastOffset + 1,
      records,
      resolve: (offset) => this.calls.push(`resolve ${offset}`),
      heartbeat: () => Promise.resolve(this.events!.heartbeat()),
      isCurrent: () => this.isCurrent,
      ...batch,
    })
  }

  #answer<T>(call: string, value: T): Promise<T> {
    this.calls.push(call)
    const fault = this.faults.get(call)
    return fault === undefined ? Promise.resolve(value) : Promise.reject(fault)
  }
}

function names(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}/${partition}`).join(' ')
}
