import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'

import { describe, expect, test } from 'vitest'

import { compressionOf, unpack } from '../../../src/ingest/gelf/decompress.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../../src/ingest/normalise/limits.ts'

const TEXT = Buffer.from('{"short_message":"grün"}')

/** A gzip stream with optional header parts, as RFC 1952 says. */
function gzipWith(flags: number, parts: Buffer): Buffer {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(TEXT))
  trailer.writeUInt32LE(TEXT.length, 4)
  return Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]),
    parts,
    deflateRawSync(TEXT),
    trailer,
  ])
}

describe('what is taken', () => {
  test.each<[string, Buffer]>([
    ['plain', TEXT],
    ['gzip', gzipSync(TEXT)],
    ['zlib', deflateSync(TEXT)],
    ['zlib without compression', deflateSync(TEXT, { level: 0 })],
    ['gzip with a name and a comment', gzipWith(0x18, Buffer.from('name\0comment\0'))],
    ['gzip with extra data', gzipWith(0x04, Buffer.from([3, 0, 1, 2, 3]))],
    ['gzip with a header checksum', gzipWith(0x02, Buffer.from([0, 0]))],
  ])('%s', (_, bytes) => {
    expect(unpack(bytes)).toEqual(TEXT)
  })

  test('exactly 1 MiB', () => {
    const text = Buffer.alloc(MAX_DECOMPRESSED_BYTES, ' ')
    for (const pack of [gzipSync, deflateSync]) expect(unpack(pack(text))).toHaveLength(text.length)
  })
})

describe('what is refused', () => {
  const gzip = gzipSync(TEXT)
  const zlib = deflateSync(TEXT)
  const changed = (bytes: Buffer, fromEnd: number) => {
    const copy = Buffer.from(bytes)
    copy[copy.length - fromEnd]! ^= 1
    return copy
  }

  test.each<[string, Buffer]>([
    ['two gzip members', Buffer.concat([gzip, gzip])],
    ['an empty member before a full one', Buffer.concat([gzipSync(''), gzip])],
    ['an empty member behind a full one', Buffer.concat([gzip, gzipSync('')])],
    ['junk behind gzip', Buffer.concat([gzip, Buffer.from('junk')])],
    ['gzip cut off', gzip.subarray(0, -3)],
    ['gzip cut in its header', gzip.subarray(0, 12)],
    ['a wrong gzip checksum', changed(gzip, 5)],
    ['a wrong gzip length', changed(gzip, 1)],
    ['a gzip name that does not end', gzipWith(0x08, Buffer.alloc(0)).subarray(0, 18)],
    ['reserved gzip flags', gzipWith(0x20, Buffer.alloc(0))],
    ['junk behind zlib', Buffer.concat([zlib, Buffer.from('junk')])],
    ['two zlib streams', Buffer.concat([zlib, zlib])],
    ['zlib cut off', zlib.subarray(0, -1)],
    ['a wrong zlib checksum', changed(zlib, 1)],
    ['zlib with a preset dictionary', deflateSync(TEXT, { dictionary: Buffer.from('message') })],
    ['an unknown magic', Buffer.from([0x04, 0x22, 0x4d, 0x18])],
    ['NUL bytes', Buffer.alloc(4)],
  ])('%s', (_, bytes) => {
    expect(unpack(bytes)).toBe('encoding')
  })

  test.each([gzipSync, deflateSync])('a bomb of 8 MiB (%o)', (pack) => {
    expect(unpack(pack(Buffer.alloc(8 * 1_048_576)))).toBe('bomb')
    expect(unpack(pack(Buffer.alloc(MAX_DECOMPRESSED_BYTES + 1)))).toBe('bomb')
  })
})

test('no JSON text looks compressed', () => {
  for (const start of ['{"', '{ ', ' {', '\n{', '\t{', '[{', '""', 'nu', '12', '-1']) {
    expect(compressionOf(Buffer.from(start))).toBeUndefined()
  }
})
