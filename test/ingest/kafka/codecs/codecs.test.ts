import {
  array,
  assert,
  boolean,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  uint8Array,
} from 'fast-check'
import { compress as lz4jsCompress, decompress as lz4jsDecompress } from 'lz4js'
import { expect, test } from 'vitest'

import { selfTest } from '../../../../src/ingest/kafka/codecs.ts'
import { CodecError } from '../../../../src/ingest/kafka/codecs/codec.ts'
import { lz4 } from '../../../../src/ingest/kafka/codecs/lz4.ts'
import { snappy } from '../../../../src/ingest/kafka/codecs/snappy.ts'
import { gzip, zstd } from '../../../../src/ingest/kafka/codecs/zlib-codecs.ts'

const CODECS = [gzip, snappy, lz4, zstd].map((codec) => [codec.name, codec] as const)
const MAX = 8_388_608

/** Bytes that repeat in many ways, and bytes that do not. */
const anyBytes = oneof(
  uint8Array({ maxLength: 3_000 }),
  array(constantFrom('abc', 'abcd', '"level":3,', 'x'.repeat(300), 'Grüße'), {
    maxLength: 300,
  }).map((parts) => new Uint8Array(Buffer.from(parts.join('')))),
)

test.each(CODECS)(
  '%s gives back whatever it packed, and stops one byte below its length',
  (_, codec) => {
    assert(
      property(anyBytes, (bytes) => {
        const packed = codec.compress(bytes)
        expect(codec.decompress(packed, MAX).equals(bytes)).toBe(true)
        if (bytes.length > 1) {
          expect(() => codec.decompress(packed, bytes.length - 1)).toThrow(
            expect.objectContaining({ name: 'CodecError', reason: 'bomb' }),
          )
        }
      }),
      { numRuns: 200 },
    )
  },
)

test.each(CODECS)(
  '%s answers damaged bytes with an error of its own, never with too much',
  (_, codec) => {
    assert(
      property(
        uint8Array({ minLength: 1, maxLength: 500 }),
        nat(),
        integer({ min: 1, max: 255 }),
        boolean(),
        (bytes, at, change, isCut) => {
          const packed = Buffer.from(codec.compress(bytes))
          const place = at % packed.length
          packed[place] = packed[place]! ^ change
          const broken = isCut ? packed.subarray(0, place) : packed
          try {
            expect(codec.decompress(broken, 4_096).length).toBeLessThanOrEqual(4_096)
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError)
          }
        },
      ),
      { numRuns: 300 },
    )
  },
)

test.each(CODECS)('%s refuses bytes that were never packed', (_, codec) => {
  for (const text of ['', 'x', 'not packed at all', '{"a":1}'.repeat(100)]) {
    expect(() => codec.decompress(Buffer.from(text), 64)).toThrow(CodecError)
  }
})

test.each(CODECS)('a bomb of 16 MiB in %s is given up at the limit', (_, codec) => {
  const packed = codec.compress(Buffer.alloc(16_777_216))
  expect(() => codec.decompress(packed, MAX)).toThrow(expect.objectContaining({ reason: 'bomb' }))
})

test.each(CODECS)(
  '%s passes its self-test, and fails it when it changes a byte or ignores its limit',
  (_, codec) => {
    selfTest(codec)
    const changing = {
      ...codec,
      decompress: (bytes: Buffer, max: number) => {
        const plain = codec.decompress(bytes, max)
        plain[plain.length - 1]! ^= 1
        return plain
      },
    }
    expect(() => selfTest(changing)).toThrow(/failed its self-test/)
    const boundless = { ...codec, decompress: (bytes: Buffer) => codec.decompress(bytes, MAX) }
    expect(() => selfTest(boundless)).toThrow('it unpacks beyond its limit')
  },
)

test('snappy takes a bare block as well as a frame of several', () => {
  const text = Buffer.from('a line of a log\n'.repeat(5_000))
  expect(snappy.decompress(snappy.compress(text), MAX)).toEqual(text)
  // "tocsin", as one literal.
  const bare = Buffer.from([6, 5 << 2, ...Buffer.from('tocsin')])
  expect(snappy.decompress(bare, MAX).toString()).toBe('tocsin')
  expect(() => snappy.decompress(bare, 5)).toThrow(expect.objectContaining({ reason: 'bomb' }))
})

test('lz4 writes what lz4js reads, and reads what lz4js writes, blocks that look back included', () => {
  assert(
    property(anyBytes, (bytes) => {
      expect(Buffer.from(lz4jsDecompress(lz4.compress(bytes), MAX)).equals(bytes)).toBe(true)
      expect(lz4.decompress(Buffer.from(lz4jsCompress(bytes)), MAX).equals(bytes)).toBe(true)
    }),
  )
  const twoBlocks = Buffer.from('the same line of a log, again and again\n'.repeat(150_000))
  expect(twoBlocks.length).toBeGreaterThan(4_194_304)
  const written = Buffer.from(lz4jsCompress(twoBlocks))
  expect(lz4.decompress(written, MAX).equals(twoBlocks)).toBe(true)
})

test('lz4 writes frames that say their blocks stand alone, which Java insists on', () => {
  const frame = lz4.compress(Buffer.from('tocsin'))
  expect(frame[4]! & 0x20).toBe(0x20)
  frame[6]! ^= 1
  expect(() => lz4.decompress(frame, MAX)).toThrow(/header that fails its checksum/)
})
