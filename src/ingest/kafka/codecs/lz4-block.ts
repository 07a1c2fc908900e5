/**
 * LZ4's block format (lz4_Block_format.md of the LZ4 project): sequences of a token, literals, and a
 * match of at least four bytes that lies at most 65,535 bytes back.
 *
 * Our own, because the package lz4js takes damaged blocks without a word, allocates the most that
 * may come out for each batch, and ends blocks in matches that LZ4's own decoder refuses.
 */

const MIN_MATCH = 4
const MAX_OFFSET = 65_535
/** No match begins in the last twelve bytes of a block, and its last five are literals. */
const LAST_MATCH_BYTES = 12
const LAST_LITERALS = 5

const HASH_BITS = 14

/**
 * Unpacks a block into `out` from `outStart` on, looking back at what stands before; returns where
 * it ended, -1 when the block is damaged, -2 when it needs more than `outEnd` allows.
 */
export function decodeBlock(
  block: Uint8Array,
  out: Uint8Array,
  outStart: number,
  outEnd: number,
): number {
  const end = block.length
  let i = 0
  let o = outStart
  while (i < end) {
    const token = block[i++]!
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255) {
        if (i >= end) return -1
        more = block[i++]!
        literals += more
      }
    }
    if (i + literals > end) return -1
    if (o + literals > outEnd) return -2
    // Most runs are short, and a call costs more than a few bytes.
    if (literals > 24) {
      out.set(block.subarray(i, i + literals), o)
      i += literals
      o += literals
    } else {
      for (const stop = i + literals; i < stop;) out[o++] = block[i++]!
    }
    if (i === end) return (token & 15) === 0 ? o : -1

    if (i + 2 > end) return -1
    const offset = block[i]! | (block[i + 1]! << 8)
    i += 2
    let match = (token & 15) + MIN_MATCH
    if (match === 15 + MIN_MATCH) {
      let more = 255
      while (more === 255) {
        if (i >= end) return -1
        more = block[i++]!
        match += more
      }
    }
    if (offset === 0 || offset > o) return -1
    if (o + match > outEnd) return -2
    if (offset >= match && match > 24) {
      out.copyWithin(o, o - offset, o - offset + match)
      o += match
    } else {
      // An overlapping match repeats what it has just written.
      for (const stop = o + match; o < stop; o++) out[o] = out[o - offset]!
    }
  }
  // A block ends in literals, if only in none of them.
  return -1
}

/** The most bytes that {@link encodeBlock} makes of so many. */
export function maxEncoded(length: number): number {
  return length + Math.ceil(length / 255) + 16
}

/** Packs bytes into a block that stands for itself; returns its length in `out`. */
export function encodeBlock(bytes: Uint8Array, out: Uint8Array): number {
  const table = new Int32Array(1 << HASH_BITS).fill(-MAX_OFFSET - 1)
  const matchLimit = bytes.length - LAST_MATCH_BYTES
  const copyLimit = bytes.length - LAST_LITERALS
  let o = 0
  let anchor = 0
  for (let i = 0; i < matchLimit;) {
    const four = fourBytes(bytes, i)
    const slot = Math.imul(four, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = table[slot]!
    table[slot] = i
    if (candidate < 0 || i - candidate > MAX_OFFSET || fourBytes(bytes, candidate) !== four) {
      i++
      continue
    }
    let length = MIN_MATCH
    while (i + length < copyLimit && bytes[candidate + length] === bytes[i + length]) length++
    o = putSequence(bytes, anchor, i, out, o, length - MIN_MATCH)
    out[o++] = (i - candidate) & 0xff
    out[o++] = (i - candidate) >> 8
    o = putLength(out, o, length - MIN_MATCH)
    i += length
    anchor = i
  }
  return putSequence(bytes, anchor, bytes.length, out, o, 0)
}

/** Token and literals; `match` is what its second half says. */
function putSequence(
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
  match: number,
): number {
  const literals = to - from
  out[at] = (Math.min(literals, 15) << 4) | Math.min(match, 15)
  const start = putLength(out, at + 1, literals)
  out.set(bytes.subarray(from, to), start)
  return start + literals
}

/** What a half of the token could not hold: 255 as often as it goes, then the rest. */
function putLength(out: Uint8Array, at: number, length: number): number {
  if (length < 15) return at
  let o = at
  let left = length - 15
  for (; left >= 255; left -= 255) out[o++] = 255
  out[o++] = left
  return o
}

function fourBytes(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
