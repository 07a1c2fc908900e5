import { createRequire } from 'node:module'

import { expect, test } from 'vitest'

import { registerCodecs } from '../../../../src/ingest/kafka/codecs.ts'
import type { CodecRegistry } from '../../../../src/ingest/kafka/codecs.ts'
import { undecodable } from '../../../../src/ingest/kafka/codecs/undecodable.ts'

/** kafkajs's own parts, which decode what a broker answers. */
const require = createRequire(import.meta.url)
const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js') as (
  decoder: unknown,
) => Promise<DecodedRecord[]>
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => unknown
const { Codecs } = require('kafkajs/src/protocol/message/compression/index.js') as {
  Codecs: CodecRegistry
}

interface DecodedRecord {
  readonly offset: string
  readonly value: Buffer | null
  readonly headers: Record<string, unknown>
}

const ZSTD = 4
const RECORDS_AT = 61

/** What a broker answers for one partition: these batches, each from its offset. */
function answer(
  batches: readonly { offset: number; count: number; records: Buffer; codec: number }[],
) {
  const all = Buffer.concat(
    batches.map(({ offset, count, records, codec }) => {
      const head = Buffer.alloc(RECORDS_AT)
      head.writeBigInt64BE(BigInt(offset), 0)
      head.writeInt32BE(RECORDS_AT - 12 + records.length, 8)
      head.writeInt8(2, 16)
      head.writeInt16BE(codec, 21)
      head.writeInt32BE(count - 1, 23)
      head.writeInt32BE(count, 57)
      return Buffer.concat([head, records])
    }),
  )
  const length = Buffer.alloc(4)
  length.writeInt32BE(all.length)
  return new Decoder(Buffer.concat([length, all]))
}

/** Records with these values (below 50 bytes each), not compressed. */
function plain(values: readonly string[]): Buffer {
  return Buffer.concat(
    values.map((value, i) => {
      const body = Buffer.from([0, 0, 2 * i, 1, 2 * value.length, ...Buffer.from(value), 0])
      return Buffer.concat([Buffer.from([2 * body.length]), body])
    }),
  )
}

function register(limits: { maxBatchBytes?: number; maxTurnBytes?: number } = {}) {
  const turns: (() => void)[] = []
  registerCodecs(Codecs, { afterTurn: (task) => turns.push(task), ...limits })
  const compress = (bytes: Buffer) => Codecs[ZSTD]!().compress({ buffer: bytes })
  return { compress, endTurn: () => turns.splice(0).forEach((task) => task()) }
}

test('a batch that cannot be unpacked becomes as many records that say why, and those around it stay', async () => {
  const { compress } = register()
  const good = await compress(plain(['a', 'b']))
  const records = await decodeMessages(
    answer([
      { offset: 10, count: 2, records: good, codec: ZSTD },
      { offset: 12, count: 300, records: Buffer.from('no zstd at all'), codec: ZSTD },
      { offset: 312, count: 1, records: plain(['c']), codec: 0 },
    ]),
  )
  expect(records.map(({ offset }) => Number(offset))).toEqual(
    Array.from({ length: 303 }, (_, i) => 10 + i),
  )
  const reasons = records.map(({ value }) => undecodable(value)?.message)
  expect(new Set(reasons.slice(2, 302))).toEqual(new Set([expect.stringMatching(/^zstd: /)]))
  expect([...reasons.slice(0, 2), reasons[302]]).toEqual([undefined, undefined, undefined])
})

test('a bomb becomes such records too, and an empty value of a sender does not', async () => {
  const { compress } = register({ maxBatchBytes: 1_000 })
  const records = await decodeMessages(
    answer([
      { offset: 0, count: 5, records: await compress(Buffer.alloc(1_001)), codec: ZSTD },
      { offset: 5, count: 1, records: await compress(plain([''])), codec: ZSTD },
    ]),
  )
  expect(records.map(({ value }) => undecodable(value)?.message)).toEqual([
    ...Array.from({ length: 5 }, () => 'zstd: unpacks to more than 1000 bytes'),
    undefined,
  ])
})

test('what is beyond the limit of one turn is left for the next answer, never lost', async () => {
  const { compress, endTurn } = register({ maxTurnBytes: 20 })
  const batch = async (offset: number) => ({
    offset,
    count: 2,
    records: await compress(plain(['first', 'second'])),
    codec: ZSTD,
  })
  const all = [await batch(0), await batch(2)]
  const offsets = (records: readonly DecodedRecord[]) => records.map(({ offset }) => Number(offset))
  expect(offsets(await decodeMessages(answer(all)))).toEqual([0, 1])
  expect(offsets(await decodeMessages(answer(all.slice(1))))).toEqual([])
  endTurn()
  expect(offsets(await decodeMessages(answer(all.slice(1))))).toEqual([2, 3])
})

test('where no stand-in can be made the error is passed on', async () => {
  register()
  await expect(Codecs[ZSTD]!().decompress(Buffer.from('neither a batch nor zstd'))).rejects.toThrow(
    /^zstd: /,
  )
})
