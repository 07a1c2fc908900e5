import { compress, uncompress } from 'snappyjs'

import { damaged, tooLarge } from './codec.ts'
import type { Codec } from './codec.ts'

/** How Java's clients begin: Xerial's stream of blocks. librdkafka may write one bare block. */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const VERSIONS = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])
const HEADER_BYTES = MAGIC.length + VERSIONS.length

/** Bytes of one block before compression, as Java writes them. */
const BLOCK_BYTES = 32_768

/**
 * Snappy in Xerial's frame, as Java's clients write and read it; bare blocks are read too. A block's
 * length is said before its data, so nothing larger than allowed is ever begun.
 */
export const snappy: Codec = {
  name: 'snappy',
  type: 2,

  compress(bytes) {
    const parts: Buffer[] = [MAGIC, VERSIONS]
    for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
      const block = compress(Buffer.from(bytes.subarray(start, start + BLOCK_BYTES)))
      const length = Buffer.alloc(4)
      length.writeUInt32BE(block.length)
      parts.push(length, block)
    }
    return Buffer.concat(parts)
  },

  decompress(bytes, maxBytes) {
    const isFramed = bytes.length >= HEADER_BYTES && bytes.compare(MAGIC, 0, 8, 0, 8) === 0
    if (!isFramed) return block(bytes, maxBytes)
    const parts: Buffer[] = []
    let left = maxBytes
    for (let at = HEADER_BYTES; at < bytes.length;) {
      const start = at + 4
      if (start > bytes.length) throw damaged('snappy', 'ends within the length of a block')
      at = start + bytes.readUInt32BE(at)
      if (at > bytes.length) throw damaged('snappy', 'ends within a block')
      const part = block(bytes.subarray(start, at), left)
      left -= part.length
      parts.push(part)
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  },
}

function block(bytes: Buffer, maxBytes: number): Buffer {
  if (declaredLength(bytes) > maxBytes) throw tooLarge('snappy', maxBytes)
  try {
    return uncompress(bytes, maxBytes)
  } catch (error) {
    throw damaged('snappy', (error as Error).message, error)
  }
}

/** The varint that begins a block; 0 when it is none, which the decoder then says. */
function declaredLength(bytes: Uint8Array): number {
  let length = 0
  for (let i = 0; i < 5 && i < bytes.length; i++) {
    length += (bytes[i]! & 0x7f) * 2 ** (7 * i)
    if (bytes[i]! < 0x80) return length
  }
  return 0
}
