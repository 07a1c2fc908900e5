import { createRequire } from 'node:module'

import { expect, test } from 'vitest'

import { AnswerBudget } from '../../../src/ingest/kafka/answer-budget.ts'
import { registerCodecs } from '../../../src/ingest/kafka/codecs.ts'
import type { CodecRegistry } from '../../../src/ingest/kafka/codecs.ts'
import { undecodable } from '../../../src/ingest/kafka/codecs/undecodable.ts'
import { decodeMessages } from '../../../src/ingest/kafka/kafkajs-decoding.ts'

/** kafkajs's own parts, which decode what a broker answers. */
const require = createRequire(import.meta.url)
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (
  bytes: Buffer,
) => Parameters<typeof decodeMessages>[0]
const { Codecs } = require('kafkajs/src/protocol/message/compression/index.js') as {
  Codecs: CodecRegistry
}

interface DecodedRecord {
  readonly offset: string
  readonly value: Buffer | null
  readonly headers: Record<string, unknown>
  readonly batchContext: { readonly inTransaction: boolean; readonly producerId: string }
}

const ZSTD = 4
const RECORDS_AT = 61

interface Batch {
  readonly offset: number
  readonly count: number
  readonly records: Buffer
  readonly attributes: number
}

/** What a broker answers for one partition: these batches, each from its offset. */
function answer(batches: readonly Batch[], missingBytes = 0) {
  const all = Buffer.concat(
    batches.map(({ offset, count, records, attributes }) => {
      const head = Buffer.alloc(RECORDS_AT)
      head.writeBigInt64BE(BigInt(offset), 0)
      head.writeInt32BE(RECORDS_AT - 12 + records.length, 8)
      head.writeInt8(2, 16)
      head.writeInt16BE(attributes, 21)
      head.writeInt32BE(count - 1, 23)
      head.writeBigInt64BE(1_795_000_000_000n, 35)
      head.writeBigInt64BE(77n, 43)
      head.writeInt32BE(count, 57)
      return Buffer.concat([head, records])
    }),
  )
  const length = Buffer.alloc(4)
  length.writeInt32BE(all.length - missingBytes)
  return new Decoder(Buffer.concat([length, all.subarray(0, all.length - missingBytes)]))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = 2 * value
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80)
  return Buffer.from([...bytes, left])
}

/** Records with these values, not compressed; the first with `headers` of them. */
function plain(values: readonly string[], headers = 0): Buffer {
  return Buffer.concat(
    values.flatMap((value, i) => {
      const count = i === 0 ? headers : 0
      const body = Buffer.concat([
        Buffer.from([0, 0]),
        varint(i),
        Buffer.from([1]),
        varint(value.length),
        Buffer.from(value),
        varint(count),
        ...Array.from({ length: count }, (_, n) =>
          Buffer.from(`\x08h${100 + n}`.slice(0, 5) + '\x02x'),
        ),
      ])
      return [varint(body.length), body]
    }),
  )
}

function setUp(limits: { maxBytes?: number; maxRecords?: number; maxBatchBytes?: number } = {}) {
  const turns: (() => void)[] = []
  const budget = new AnswerBudget((task) => turns.push(task), limits)
  registerCodecs(Codecs, budget, limits.maxBatchBytes)
  return {
    compress: (bytes: Buffer) => Codecs[ZSTD]!().compress({ buffer: bytes }),
    decode: async (from: ReturnType<typeof answer>) =>
      (await decodeMessages(from, budget)) as DecodedRecord[],
    endTurn: () => turns.splice(0).forEach((task) => task()),
  }
}

const offsets = (records: readonly DecodedRecord[]) => records.map(({ offset }) => Number(offset))
const faults = (records: readonly DecodedRecord[]) =>
  records.map(({ value }) => undecodable(value)?.message)

test('a batch that cannot be unpacked becomes one record at its last offset, and its neighbours stay', async () => {
  const { compress, decode } = setUp()
  const records = await decode(
    answer([
      { offset: 10, count: 2, records: await compress(plain(['a', 'b'])), attributes: ZSTD },
      { offset: 12, count: 300, records: Buffer.from('no zstd at all'), attributes: ZSTD | 0x10 },
      { offset: 312, count: 1, records: plain(['c']), attributes: 0 },
    ]),
  )
  expect(offsets(records)).toEqual([10, 11, 311, 312])
  expect(faults(records)).toEqual([
    undefined,
    undefined,
    expect.stringMatching(/^a batch of 300 records cannot be read: zstd: /),
    undefined,
  ])
  // So that one of an aborted transaction is left out like any other.
  expect(records[2]!.batchContext).toMatchObject({ inTransaction: true, producerId: '77' })
})

test('so does a batch whose records are none, compressed or not', async () => {
  const { compress, decode } = setUp()
  const junk = Buffer.from('\xfe\xfe\xfe\xfe\xfe\xfe\xfe', 'latin1')
  const records = await decode(
    answer([
      { offset: 0, count: 3, records: junk, attributes: 0 },
      { offset: 3, count: 3, records: await compress(junk), attributes: ZSTD },
      { offset: 6, count: 1, records: plain(['c']), attributes: 0 },
    ]),
  )
  expect(offsets(records)).toEqual([2, 5, 6])
  expect(faults(records)).toEqual([
    ...[0, 1].map(() => expect.stringMatching(/^a batch of 3 records cannot be read: /) as string),
    undefined,
  ])
})

test('a bomb becomes such a record too, and an empty value of a sender does not', async () => {
  const { compress, decode } = setUp({ maxBatchBytes: 1_000 })
  const records = await decode(
    answer([
      { offset: 0, count: 5, records: await compress(Buffer.alloc(1_001)), attributes: ZSTD },
      { offset: 5, count: 1, records: await compress(plain([''])), attributes: ZSTD },
    ]),
  )
  expect(faults(records)).toEqual([expect.stringContaining('more than 1000 bytes'), undefined])
  expect(undecodable(records[0]!.value)?.reason).toBe('bomb')
})

test('a batch of more records than any client writes becomes such a record, a large one is read', async () => {
  const { decode } = setUp()
  const large = plain(Array.from({ length: 90_000 }, () => ''))
  expect(
    await decode(answer([{ offset: 0, count: 90_000, records: large, attributes: 0 }])),
  ).toHaveLength(90_000)
  const tooLarge = { offset: 0, count: 1_000_000, records: large, attributes: 0 }
  const records = await setUp().decode(
    answer([tooLarge, { ...tooLarge, offset: 1_000_000, count: 1, records: plain(['a']) }]),
  )
  expect(offsets(records)).toEqual([999_999, 1_000_000])
  expect(faults(records)[0]).toMatch(/^a batch of 1000000 records/)
})

test('of many headers the first are kept, and the record behind them is whole', async () => {
  const { decode } = setUp()
  const records = await decode(
    answer([{ offset: 0, count: 2, records: plain(['a', 'b'], 900), attributes: 0 }]),
  )
  expect(records.map(({ value }) => value?.toString())).toEqual(['a', 'b'])
  expect(Object.keys(records[0]!.headers)).toHaveLength(64)
})

test.each([
  ['bytes', { maxBytes: 20 }],
  ['records', { maxRecords: 2 }],
])(
  'what is beyond the limit of %s of one answer is left for the next, never lost',
  async (_, limits) => {
    const { compress, decode, endTurn } = setUp(limits)
    const batch = async (offset: number): Promise<Batch> => ({
      offset,
      count: 2,
      records: await compress(plain(['first', 'second'])),
      attributes: ZSTD,
    })
    const all = [await batch(0), await batch(2)]
    expect(offsets(await decode(answer(all)))).toEqual([0, 1])
    expect(offsets(await decode(answer(all.slice(1))))).toEqual([])
    endTurn()
    expect(offsets(await decode(answer(all.slice(1))))).toEqual([2, 3])
  },
)

test('a batch that the answer cuts off is left for the next', async () => {
  const { decode } = setUp()
  const batch = { count: 1, records: plain(['a']), attributes: 0 }
  const all = [
    { ...batch, offset: 0 },
    { ...batch, offset: 1 },
  ]
  for (let missing = 1; missing < RECORDS_AT + batch.records.length; missing++) {
    expect(offsets(await decode(answer(all, missing)))).toEqual([0])
  }
})

test('kafkajs uses it: its fetch answers are decoded here', () => {
  const used = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as unknown
  expect(String(used)).toContain('answerBudget')
  // Loads every version of the answer, and with it whatever they use.
  expect(require('kafkajs/src/protocol/requests/fetch/v11/response.js')).toHaveProperty('decode')
})
