import { smallWhole } from './json-value.ts'

/**
 * From here on a number of seconds would lie after the year 5138, and a number of milliseconds
 * begins in 1973: so it was meant as milliseconds (row G7).
 */
const MILLISECONDS_FROM = 1e11

/** The last instant a `Date` can hold, ms UTC. */
const MAX_TIME_MS = 8.64e15

/**
 * GELF's `timestamp` (seconds since 1970 with a fraction, also in scientific notation, also as
 * text) in whole milliseconds UTC; `undefined` when it is no usable time: not a number, not after
 * 1970, out of range.
 */
export function timestampMs(text: string): number | undefined {
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?\s*$/.test(text)) return undefined
  const value = Number(text)
  const ms = Math.round(value >= MILLISECONDS_FROM ? value : value * 1000)
  return ms > 0 && ms <= MAX_TIME_MS ? ms : undefined
}

/**
 * The same straight from the bytes of the usual form, ten digits with or without a fraction, which
 * is the years 2001 to 2286; -1 for any other, which {@link timestampMs} may still understand.
 * Whole numbers throughout: it runs for every record. The fraction is rounded as it is written.
 */
export function plainTimestampMs(bytes: Uint8Array, start: number, end: number): number {
  const point = start + 10
  if (end < point || (end > point && bytes[point] !== 0x2e) || bytes[start] === 0x30) return -1
  const upper = smallWhole(bytes, start, start + 5)
  const lower = smallWhole(bytes, start + 5, point)
  if (upper < 0 || lower < 0) return -1
  let ms = 0
  let weight = 100
  for (let i = point + 1; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    if (i === point + 4 && digit >= 5) ms++
    ms += digit * weight
    // After the third digit the weight is 0.
    weight = (weight / 10) | 0
  }
  return (upper * 100_000 + lower) * 1_000 + ms
}
