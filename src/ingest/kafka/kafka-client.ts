import type { KafkaRecord } from './record.ts'

/**
 * What Tocsin needs of a Kafka client: the border behind which kafkajs can be replaced. Correctness
 * does not depend on what stands here: positions are ours (`source.ts`).
 */
export interface KafkaClient {
  /** Reaches a broker. May succeed with credentials that are refused later: ask {@link describe}. */
  connect(): Promise<void>
  /** What the topics are now, with their range of offsets. Throws `KafkaFault`. */
  describe(topics: readonly string[]): Promise<readonly TopicFound[]>
  /**
   * The topic's id as the partition's leader knows it now, `undefined` when there is none: asked
   * after a fetch from it, the id under which what was fetched was written.
   */
  topicId(place: TopicPartition): Promise<string | undefined>
  /** Joins the group. Resolves once the first join is under way; what follows comes by `events`. */
  run(topics: readonly string[], events: KafkaEvents): Promise<void>
  /** Tells the group how far we are: for others to see, and as proof that we are a member. */
  commit(offsets: readonly TopicOffset[]): Promise<void>
  seek(place: TopicOffset): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** Leaves the group and closes all connections. May hang: give it a deadline. */
  disconnect(): Promise<void>
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface TopicOffset extends TopicPartition {
  readonly offset: number
}

export interface TopicFound {
  readonly topic: string
  readonly id: string
  readonly partitions: readonly PartitionRange[]
}

/** Lowest offset kept, and the end: one above the last that a reader of committed records sees. */
export interface PartitionRange {
  readonly partition: number
  readonly low: number
  readonly high: number
}

/** Called by the client; `joined` and `batch` decide what is read, the others watch. */
export interface KafkaEvents {
  /** A generation began, with these partitions. Before anything of it is fetched. */
  joined(partitions: readonly TopicPartition[]): void
  rebalancing(): void
  heartbeat(): void
  /** The consumer is over. `isPassing`: it may work when tried again. */
  crashed(error: Error, isPassing: boolean): void
  /** Records that nobody gets to see: control records, aborted transactions. */
  skipped(place: TopicOffset): void
  batch(batch: KafkaBatch): Promise<void>
}

/** What one fetch brought of a partition. */
export interface KafkaBatch extends TopicPartition {
  /** The offset that was asked for. */
  readonly fetchedOffset: number
  /** Offset of the last record of it, also of one that nobody gets to see. */
  readonly lastOffset: number
  /** The log's end. */
  readonly highWatermark: number
  readonly records: readonly KafkaRecord[]
  /** The next fetch goes on behind this offset. */
  resolve(offset: number): void
  /** Must be called often: a member without heartbeats is expelled. */
  heartbeat(): Promise<void>
  /** Whether the batch still counts: nobody has stopped or moved us. */
  isCurrent(): boolean
}

/** Kafka refused, or cannot be reached; the message is a sentence for people. */
export class KafkaFault extends Error {
  override readonly name = 'KafkaFault'
  readonly reason: KafkaFaultReason

  constructor(reason: KafkaFaultReason, message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Label `reason` of `tocsin_kafka_errors_total`. */
export type KafkaFaultReason =
  | 'unreachable'
  | 'authentication'
  | 'authorization'
  | 'unknown_topic'
  | 'protocol'
  | 'watchdog'
