/**
 * How kafkajs decodes a broker's answer, with limits. Must be imported before kafkajs, whose parts
 * hold on to each other from their first use. Without it (measured):
 *
 *   1. a batch that cannot be unpacked, or a bomb, ends the consumer, again after every restart;
 *   2. a batch of more than about 125,000 records ends it too ("Maximum call stack size exceeded");
 *   3. a record with 10,000 headers stops the process for a minute: their cost grows with the square;
 *   4. an answer of a few MiB can become gigabytes.
 *
 * Batches that cannot be read become one record each (`undecodable.ts`), at their last offset.
 */
import { createRequire } from 'node:module'

import { AnswerBudget } from './answer-budget.ts'
import { CodecError } from './codecs/codec.ts'
import { standIn } from './codecs/undecodable.ts'

/** Above what any client puts into a batch. */
const MAX_BATCH_RECORDS = 100_000
/** Headers of a record that are kept: the first. */
const MAX_HEADERS = 64

/** Where a batch (format 2) keeps what is read before it is decoded. */
const LENGTH_AT = 8
const MAGIC_AT = 16
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const MAX_TIMESTAMP_AT = 35
const PRODUCER_AT = 43
const COUNT_AT = 57
const HEADER_BYTES = 61
const IS_TRANSACTIONAL = 0x10

/** kafkajs's own reader of bytes, as far as we use it. */
interface Decoder {
  offset: number
  readInt32(): number
  canReadBytes(count: number): boolean
  readBytes(count: number): Buffer
  readVarInt(): number
}

const require = createRequire(import.meta.url)
const KafkajsDecoder = require('kafkajs/src/protocol/decoder') as {
  new (bytes: Buffer): Decoder
  prototype: { readVarIntArray(reader: (decoder: Decoder) => unknown): unknown[] }
}
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: Decoder,
) => Promise<{ readonly records: readonly unknown[] }>
const decodeMessageSet = require('kafkajs/src/protocol/messageSet/decoder') as (
  decoder: Decoder,
  size: number,
) => Promise<unknown[]>

/** Of the answers that this process decodes; the codecs spend from it too. */
export const answerBudget = new AnswerBudget((task) => setImmediate(task))

boundHeaders()
replaceModule('kafkajs/src/protocol/requests/fetch/v4/decodeMessages', (decoder: Decoder) =>
  decodeMessages(decoder, answerBudget),
)

/** The records of one partition in an answer, up to where the budget or the answer ends. */
export async function decodeMessages(decoder: Decoder, budget: AnswerBudget): Promise<unknown[]> {
  const size = decoder.readInt32()
  if (size <= MAGIC_AT || !decoder.canReadBytes(size)) return []
  const bytes = decoder.readBytes(size)
  const answer = new KafkajsDecoder(bytes)
  // Formats of before Kafka 0.11, which some old topics still hold.
  if (bytes[MAGIC_AT]! < 2) return await decodeMessageSet(answer, size)
  const records: unknown[] = []
  while (answer.canReadBytes(HEADER_BYTES) && !budget.isSpent) {
    const start = answer.offset
    const end = start + LENGTH_AT + 4 + bytes.readInt32BE(start + LENGTH_AT)
    // Brokers cut answers where their size is reached; the rest comes with the next one.
    if (end > bytes.length) break
    const found = await recordsOf(answer, bytes.subarray(start, end))
    for (const record of found) records.push(record)
    budget.spend({ records: found.length })
    answer.offset = end
  }
  return records
}

async function recordsOf(answer: Decoder, batch: Buffer): Promise<readonly unknown[]> {
  const count = batch.readInt32BE(COUNT_AT)
  if (count > MAX_BATCH_RECORDS) {
    const message = `a batch of ${count} records, and ${MAX_BATCH_RECORDS} is the most that is read`
    return [standInOf(batch, new CodecError('bomb', message))]
  }
  try {
    return (await decodeBatch(answer)).records
  } catch (error) {
    const reason = error instanceof CodecError ? error.reason : 'damaged'
    const message = `a batch of ${count} records cannot be read: ${(error as Error).message}`
    return [standInOf(batch, new CodecError(reason, message, error))]
  }
}

/** A record as kafkajs would have made it, at the batch's last offset. */
function standInOf(batch: Buffer, cause: CodecError): unknown {
  const firstOffset = batch.readBigInt64BE(0)
  const lastOffsetDelta = batch.readInt32BE(LAST_OFFSET_DELTA_AT)
  const timestamp = String(batch.readBigInt64BE(MAX_TIMESTAMP_AT))
  return {
    magicByte: 2,
    attributes: 0,
    timestamp,
    offset: String(firstOffset + BigInt(lastOffsetDelta)),
    key: null,
    value: standIn(cause),
    headers: {},
    isControlRecord: false,
    // By these kafkajs leaves out what belongs to an aborted transaction.
    batchContext: {
      firstOffset: String(firstOffset),
      lastOffsetDelta,
      maxTimestamp: timestamp,
      inTransaction: (batch.readInt16BE(ATTRIBUTES_AT) & IS_TRANSACTIONAL) !== 0,
      isControlBatch: false,
      producerId: String(batch.readBigInt64BE(PRODUCER_AT)),
      magicByte: 2,
    },
  }
}

/** kafkajs reads lists with a length in front only where headers stand. */
function boundHeaders(): void {
  KafkajsDecoder.prototype.readVarIntArray = function (this: Decoder, reader) {
    const count = this.readVarInt()
    const kept: unknown[] = []
    for (let i = 0; i < count; i++) {
      const header = reader(this)
      if (i < MAX_HEADERS) kept.push(header)
    }
    return kept
  }
}

/** Throws when the module is elsewhere, or somebody has it already: then nothing would be bounded. */
function replaceModule(name: string, exported: unknown): void {
  const path = require.resolve(name)
  if (require.cache[path] !== undefined) {
    throw new Error('kafkajs was loaded before the limits of its decoding')
  }
  const module = { id: path, path, filename: path, loaded: true, exports: exported, children: [] }
  require.cache[path] = module as unknown as NodeJS.Module
}
