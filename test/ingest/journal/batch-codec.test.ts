import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type BatchPlace,
  decodeBatch,
  packSlab,
  sealBatch,
} from '../../../src/ingest/journal/batch-codec.ts'
import { JournalDamagedError } from '../../../src/ingest/journal/journal.ts'
import { slab } from '../../contracts/slab-builder.ts'

const place = (count: number): BatchPlace => ({
  partition: 'tcp@1',
  first: 7,
  count,
  receivedMs: 1_790_000_000_000,
})

function sealed(records: readonly (string | Uint8Array)[]): { blob: Uint8Array; at: BatchPlace } {
  const { blob, count } = packSlab(slab('tcp@1', records, 0))
  const at = place(count)
  sealBatch(blob, at)
  return { blob, at }
}

test('records come back whole, compressed or not, whatever their bytes', () => {
  const records = fc.array(fc.uint8Array({ maxLength: 2_000 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(records, (records) => {
      const { blob, at } = sealed(records)
      const { bytes, offsets } = decodeBatch(blob, at)
      const found = records.map((_, i) => bytes.subarray(offsets[i], offsets[i + 1]))
      expect(Buffer.concat(found)).toEqual(Buffer.concat(records))
      expect(found.map(({ length }) => length)).toEqual(records.map(({ length }) => length))
    }),
  )
})

test('text of the usual kind is compressed, a lone short message is stored as it is', () => {
  const line = '{"version":"1.1","host":"web-1","short_message":"GET /checkout 200"}'
  const many = Array.from({ length: 150 }, (_, i) => `${line}${i}`)
  expect(sealed(many).blob[0]).toBe(1)
  expect(sealed(many).blob.length).toBeLessThan(2_500)
  expect(sealed([line]).blob[0]).toBe(0)
  expect(sealed([line]).blob.length).toBe(line.length + 10)
})

test('a changed byte anywhere in a blob is found', () => {
  const { blob, at } = sealed(['a'.repeat(600), 'b', 'c'.repeat(300)])
  for (let i = 0; i < blob.length; i++) {
    const changed = Uint8Array.from(blob)
    changed[i] = changed[i]! ^ 0x10
    expect(() => decodeBatch(changed, at), `byte ${i}`).toThrow(JournalDamagedError)
  }
})

test('a blob that was cut is found', () => {
  const { blob, at } = sealed(['a'.repeat(600), 'b'])
  for (let length = 0; length < blob.length; length++) {
    expect(() => decodeBatch(blob.subarray(0, length), at)).toThrow(JournalDamagedError)
  }
})

test.for([{ partition: 'tcp@2' }, { first: 8 }, { count: 3 }, { receivedMs: 1_790_000_000_001 }])(
  'a blob that stands in another place is found: %j',
  (change) => {
    const { blob, at } = sealed(['x', 'y'])
    expect(() => decodeBatch(blob, { ...at, ...change })).toThrow(/tcp@.:. fails its checksum/)
  },
)

test('a slab whose offsets do not fit its bytes is refused as a broken promise', () => {
  const bytes = new Uint8Array(4)
  expect(() => packSlab({ bytes, offsets: Uint32Array.of(0, 5) })).toThrow(/offsets/)
  expect(() => packSlab({ bytes, offsets: Uint32Array.of(0, 3, 2) })).toThrow(/must not fall/)
  expect(() => packSlab({ bytes, offsets: new Uint32Array(0) })).toThrow(/offsets/)
})
