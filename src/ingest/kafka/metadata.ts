/**
 * Kafka's Metadata request, version 12, which names topics by id too (KIP-516). kafkajs asks
 * version 6 only; without the id, a topic that was deleted and made anew is not noticed and its
 * first records are skipped. Form: Kafka's protocol guide, "Metadata API (Key: 3)".
 */

export const METADATA_KEY = 3
/** The first version that answers with ids to a request by name; Kafka 2.8 and later. */
export const METADATA_VERSION = 12

/** A topic as its brokers know it. */
export interface TopicMetadata {
  readonly topic: string
  /** The id as Kafka's tools show it: base64url, 22 characters. */
  readonly id: string
  readonly partitions: readonly number[]
}

/** A topic that the broker does not tell of, by Kafka's error code. */
export interface TopicError {
  readonly topic: string
  readonly error: number
}

const NO_ID: readonly number[] = Array.from({ length: 16 }, () => 0)

/** The request's body, after the header whose tags are its first byte. */
export function encodeMetadataRequest(topics: readonly string[]): Buffer {
  const bytes: number[] = [0, ...varint(topics.length + 1)]
  for (const topic of topics) {
    const name = Buffer.from(topic)
    // No id, the name, no tags.
    bytes.push(...NO_ID, ...varint(name.length + 1), ...name, 0)
  }
  // Makes no topics, asks for no rights, has no tags.
  bytes.push(0, 0, 0)
  return Buffer.from(bytes)
}

/** Throws a `RangeError` when the bytes end too early. */
export function decodeMetadata(bytes: Buffer): readonly (TopicMetadata | TopicError)[] {
  const read = new FlexibleReader(bytes)
  read.tags()
  read.int32() // throttled for
  read.array(() => {
    read.int32() // node
    read.text() // host
    read.int32() // port
    read.text() // rack
    read.tags()
  })
  read.text() // cluster
  read.int32() // controller
  return read.array(() => {
    const error = read.int16()
    const topic = read.text() ?? ''
    const id = read.bytes(16).toString('base64url')
    read.int8() // internal
    const partitions = read.array(() => {
      read.int16() // error: a partition without a leader exists all the same
      const partition = read.int32()
      read.int32() // leader
      read.int32() // its epoch
      for (let lists = 0; lists < 3; lists++) read.array(() => read.int32())
      read.tags()
      return partition
    })
    read.int32() // rights
    read.tags()
    return error === 0 ? { topic, id, partitions } : { topic, error }
  })
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128)
  bytes.push(value)
  return bytes
}

/** Kafka's "flexible" encoding: compact lengths are one more than they say, 0 is null. */
class FlexibleReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8(): number {
    return this.#bytes.readInt8(this.#step(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#step(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#step(4))
  }

  text(): string | null {
    const length = this.#varint()
    return length === 0 ? null : this.bytes(length - 1).toString('utf8')
  }

  bytes(length: number): Buffer {
    const start = this.#step(length)
    if (this.#at > this.#bytes.length) throw new RangeError('the answer ends too early')
    return this.#bytes.subarray(start, this.#at)
  }

  array<T>(read: () => T): T[] {
    const items: T[] = []
    for (let left = this.#varint() - 1; left > 0; left--) items.push(read())
    return items
  }

  tags(): void {
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint()
      this.bytes(this.#varint())
    }
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#step(1))
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }

  #step(bytes: number): number {
    const start = this.#at
    this.#at += bytes
    return start
  }
}
