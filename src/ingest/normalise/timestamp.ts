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
