import type { CodecError } from './codec.ts'

/**
 * What stands in for the records of a batch that cannot be unpacked: as many empty records, with
 * their offsets, whose values remember why. So the consumer meets records that it can put aside,
 * one by one, and reads on; an error here would end kafkajs, and again after each restart.
 *
 * The values are told apart by the memory they lie in, which no sender can forge.
 */

/** Where a batch (format 2, Kafka's `DefaultRecordBatch`) keeps things, back from its records. */
const RECORDS_FROM = 61
const MAGIC_AT = 16 - RECORDS_FROM
const LAST_OFFSET_DELTA_AT = 23 - RECORDS_FROM
const COUNT_AT = 57 - RECORDS_FROM

/** A record of one empty value: attributes, time, offset, no key, no bytes, no headers. */
const MAX_RECORD_BYTES = 12

const causes = new WeakMap<ArrayBufferLike, CodecError>()

/**
 * The stand-in for a batch, found by looking at what lies before its compressed records;
 * `undefined` where they do not stand in such a batch, and nothing can stand in.
 */
export function standInFor(compressed: Buffer, cause: CodecError): Buffer | undefined {
  const { buffer, byteOffset } = compressed
  if (byteOffset < RECORDS_FROM) return undefined
  const view = new DataView(buffer)
  const count = view.getInt32(byteOffset + COUNT_AT)
  const lastDelta = view.getInt32(byteOffset + LAST_OFFSET_DELTA_AT)
  const isBatch = view.getInt8(byteOffset + MAGIC_AT) === 2 && count > 0 && lastDelta >= count - 1
  // More records than bytes: nothing that a client wrote.
  if (!isBatch || count > MAX_COUNT) return undefined
  const records = Buffer.from(new ArrayBuffer(count * MAX_RECORD_BYTES))
  let at = 0
  for (let i = 0; i < count; i++) {
    // Where compaction left holes the last record still gets the last offset.
    const delta = zigzag(i === count - 1 ? lastDelta : i)
    const length = 4 + varintLength(delta) + 1
    at = putVarint(records, at, zigzag(length))
    records[at++] = 0
    records[at++] = 0
    at = putVarint(records, at, delta)
    records[at++] = 1
    records[at++] = 0
    records[at++] = 0
  }
  causes.set(records.buffer, cause)
  return records.subarray(0, at)
}

/** Why a record's value is a stand-in; `undefined` for one that a sender wrote. */
export function undecodable(value: Uint8Array | null): CodecError | undefined {
  return value?.length === 0 ? causes.get(value.buffer) : undefined
}

/** Above what a batch of 1 MiB holds uncompressed, below what kafkajs can take at once. */
const MAX_COUNT = 100_000

function zigzag(value: number): number {
  return value * 2
}

function varintLength(value: number): number {
  let length = 1
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) length++
  return length
}

function putVarint(bytes: Buffer, from: number, value: number): number {
  let at = from
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[at++] = (left % 0x80) | 0x80
  bytes[at++] = left
  return at
}
