import { MAX_BULK_MESSAGES } from '../normalise/limits.ts'

/** Where the messages of a request body lie in its bytes; nothing is parsed or copied. */
export interface Bulk {
  readonly form: 'single' | 'array' | 'lines'
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** For people: index from 0 in an array, line from 1 in lines. */
  readonly places: readonly number[]
}

/** Why a body cannot be taken apart. */
export interface BulkFault {
  readonly reason: 'json' | 'too_many'
  readonly form: Bulk['form']
  readonly place: number
}

interface Pieces {
  readonly starts: number[]
  readonly ends: number[]
  readonly places: number[]
}

/**
 * Finds the messages of a body: a JSON array, one object per line, or one object. `isLines` is
 * what the content type said; without it the content decides. Only the outer commas and brackets
 * are judged here: each message is checked by itself when it is accepted.
 */
export function splitBulk(bytes: Uint8Array, isLines: boolean): Bulk | BulkFault {
  if (isLines) return splitLines(bytes)
  const start = skipBlank(bytes, 0)
  if (bytes[start] === 0x5b) return splitArray(bytes, start)
  const end = valueEnd(bytes, start)
  const next = skipBlank(bytes, end)
  if (next < bytes.length && hasLineFeed(bytes, end, next)) return splitLines(bytes)
  return { form: 'single', starts: [start], ends: [bytes.length], places: [0] }
}

function splitLines(bytes: Uint8Array): Bulk | BulkFault {
  const pieces: Pieces = { starts: [], ends: [], places: [] }
  let line = 1
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(0x0a, start)
    const end = feed < 0 ? bytes.length : feed
    const first = skipBlank(bytes, start, end)
    if (first < end && !keep(pieces, first, end, line)) {
      return { reason: 'too_many', form: 'lines', place: line }
    }
    start = end + 1
  }
  return { form: 'lines', ...pieces }
}

function splitArray(bytes: Uint8Array, open: number): Bulk | BulkFault {
  const pieces: Pieces = { starts: [], ends: [], places: [] }
  let i = skipBlank(bytes, open + 1)
  let index = 0
  if (bytes[i] !== 0x5d) {
    for (; ; index++) {
      const end = valueEnd(bytes, i)
      if (end === i) return { reason: 'json', form: 'array', place: index }
      if (!keep(pieces, i, end, index)) return { reason: 'too_many', form: 'array', place: index }
      i = skipBlank(bytes, end)
      if (bytes[i] !== 0x2c) break
      i = skipBlank(bytes, i + 1)
    }
  }
  const isWhole = bytes[i] === 0x5d && skipBlank(bytes, i + 1) === bytes.length
  return isWhole ? { form: 'array', ...pieces } : { reason: 'json', form: 'array', place: index }
}

function keep(pieces: Pieces, start: number, end: number, place: number): boolean {
  if (pieces.starts.length === MAX_BULK_MESSAGES) return false
  pieces.starts.push(start)
  pieces.ends.push(end)
  pieces.places.push(place)
  return true
}

/** Behind the value that begins here, going by brackets and quotes alone; the same place for none. */
function valueEnd(bytes: Uint8Array, start: number): number {
  let depth = 0
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === 0x22) {
      i = textEnd(bytes, i + 1)
      if (depth === 0) return Math.min(i + 1, bytes.length)
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++
    } else if (byte === 0x7d || byte === 0x5d) {
      if (depth <= 1) return depth === 1 ? i + 1 : i
      depth--
    } else if (depth === 0 && (byte === 0x2c || isBlank(byte))) {
      return i
    }
  }
  return bytes.length
}

/** The closing quote of a text, or the end of the bytes. */
function textEnd(bytes: Uint8Array, from: number): number {
  let i = from
  while (i < bytes.length && bytes[i] !== 0x22) i += bytes[i] === 0x5c ? 2 : 1
  return i
}

function skipBlank(bytes: Uint8Array, from: number, end = bytes.length): number {
  let i = from
  while (i < end && isBlank(bytes[i]!)) i++
  return i
}

function hasLineFeed(bytes: Uint8Array, from: number, to: number): boolean {
  const at = bytes.indexOf(0x0a, from)
  return at >= 0 && at < to
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
