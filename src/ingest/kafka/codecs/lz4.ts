import { damaged, tooLarge } from './codec.ts'
import type { Codec } from './codec.ts'
import { decodeBlock, encodeBlock, maxEncoded } from './lz4-block.ts'

/** LZ4's frame format (lz4_Frame_format.md of the LZ4 project), little endian. */
const MAGIC = 0x184d2204
const VERSION = 0x40
const VERSION_MASK = 0xc0
/** Java's reader refuses frames without it: "Dependent block stream is unsupported". */
const INDEPENDENT_BLOCKS = 0x20
const BLOCK_CHECKSUMS = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const IS_STORED = 0x80000000

/** Bytes of a block before compression, by the number in the header's second byte. */
const BLOCK_SIZES: Readonly<Record<number, number>> = {
  4: 65_536,
  5: 262_144,
  6: 1_048_576,
  7: 4_194_304,
}
/** What we write. */
const WRITTEN_SIZE = 4

/**
 * One LZ4 frame. Reads what every client writes: dependent blocks, checksums (of which only the
 * header's is checked: Kafka's own covers the rest), a content size that is not believed.
 */
export const lz4: Codec = { name: 'lz4', type: 3, compress: writeFrame, decompress: readFrame }

function writeFrame(bytes: Uint8Array): Buffer {
  const size = BLOCK_SIZES[WRITTEN_SIZE]!
  const head = Buffer.alloc(7)
  head.writeUInt32LE(MAGIC, 0)
  head[4] = VERSION | INDEPENDENT_BLOCKS
  head[5] = WRITTEN_SIZE << 4
  head[6] = headerChecksum(head.subarray(4, 6))
  const parts: Buffer[] = [head]
  for (let start = 0; start < bytes.length; start += size) {
    const plain = bytes.subarray(start, start + size)
    const packed = Buffer.allocUnsafe(4 + maxEncoded(plain.length))
    const length = encodeBlock(plain, packed.subarray(4))
    const isSmaller = length < plain.length
    packed.writeUInt32LE(isSmaller ? length : (IS_STORED | plain.length) >>> 0, 0)
    if (!isSmaller) packed.set(plain, 4)
    parts.push(packed.subarray(0, 4 + (isSmaller ? length : plain.length)))
  }
  return Buffer.concat([...parts, Buffer.alloc(4)])
}

function readFrame(bytes: Buffer, maxBytes: number): Buffer {
  const header = readHeader(bytes)
  const { blockBytes, hasBlockChecksums } = header
  let at = header.end
  let out = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(4 * bytes.length, blockBytes)))
  let used = 0
  for (;;) {
    if (at + 4 > bytes.length) throw damaged('lz4', 'ends before its end mark')
    const word = bytes.readUInt32LE(at)
    at += 4
    if (word === 0) return out.subarray(0, used)
    const isStored = word >= IS_STORED
    const length = isStored ? word - IS_STORED : word
    if (at + length > bytes.length) throw damaged('lz4', 'ends within a block')
    const block = bytes.subarray(at, at + length)
    if (used + blockBytes > out.length && out.length < maxBytes) {
      const larger = Buffer.allocUnsafeSlow(
        Math.min(maxBytes, Math.max(2 * out.length, used + blockBytes)),
      )
      out.copy(larger, 0, 0, used)
      out = larger
    }
    const end = Math.min(used + blockBytes, out.length)
    const next = isStored ? store(block, out, used, end) : decodeBlock(block, out, used, end)
    if (next === -1) throw damaged('lz4', 'has a block that is none')
    if (next === -2) {
      if (used + blockBytes > maxBytes) throw tooLarge('lz4', maxBytes)
      throw damaged('lz4', 'has a block that is longer than its header allows')
    }
    used = next
    at += length + (hasBlockChecksums ? 4 : 0)
  }
}

function store(block: Uint8Array, out: Uint8Array, at: number, end: number): number {
  if (at + block.length > end) return -2
  out.set(block, at)
  return at + block.length
}

interface Header {
  readonly blockBytes: number
  readonly hasBlockChecksums: boolean
  /** Where the first block begins. */
  readonly end: number
}

function readHeader(bytes: Buffer): Header {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) throw damaged('lz4', 'is no frame')
  const flags = bytes[4]!
  const blockBytes = BLOCK_SIZES[(bytes[5]! >> 4) & 7]
  const isOurs = (flags & VERSION_MASK) === VERSION && (flags & DICTIONARY) === 0
  if (!isOurs || blockBytes === undefined) throw damaged('lz4', 'has a header of another version')
  const end = 6 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8)
  if (bytes.length <= end) throw damaged('lz4', 'ends within its header')
  const isRight = bytes[end] === headerChecksum(bytes.subarray(4, end))
  if (!isRight) throw damaged('lz4', 'has a header that fails its checksum')
  return { blockBytes, hasBlockChecksums: (flags & BLOCK_CHECKSUMS) !== 0, end: end + 1 }
}

const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

/** Second byte of the XXH32 of a header: fewer than 16 bytes, so without its main loop. */
function headerChecksum(bytes: Buffer): number {
  let hash = (PRIME_5 + bytes.length) | 0
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    hash = (hash + Math.imul(bytes.readUInt32LE(i), PRIME_3)) | 0
    hash = Math.imul(rotate(hash, 17), PRIME_4)
  }
  for (; i < bytes.length; i++) {
    hash = (hash + Math.imul(bytes[i]!, PRIME_5)) | 0
    hash = Math.imul(rotate(hash, 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return ((hash ^ (hash >>> 16)) >>> 8) & 0xff
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
