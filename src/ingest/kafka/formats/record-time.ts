/** From here on a number was not meant in seconds; see `normalise/timestamp.ts`. */
const MILLISECONDS_FROM = 1e11
const MICROSECONDS_FROM = 1e14
const NANOSECONDS_FROM = 1e17

/** RFC 3339, with a space for the `T`, a comma for the point, or without a zone, which is UTC. */
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?([Zz]|[+-]\d\d:?\d\d)?$/

/**
 * A time as JSON logs write it, in GELF's form (seconds since 1970 with a fraction): RFC 3339, or a
 * number (also as text) of seconds, milliseconds, microseconds or nanoseconds, told apart by their
 * size. `undefined` for anything else.
 */
export function gelfSeconds(written: string): string | undefined {
  const text = written.trim()
  const [, date, time, fraction = '', zone = 'Z'] = DATE_TIME.exec(text) ?? []
  if (date !== undefined) {
    const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
    const ms = Date.parse(`${date}T${time}${offset}`)
    if (Number.isNaN(ms)) return undefined
    return seconds(ms + Math.round(Number(`0.${fraction || '0'}`) * 1_000))
  }
  if (!/^[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?$/.test(text)) return undefined
  const value = Number(text)
  if (value >= NANOSECONDS_FROM) return seconds(Math.round(value / 1e6))
  if (value >= MICROSECONDS_FROM) return seconds(Math.round(value / 1e3))
  return seconds(Math.round(value >= MILLISECONDS_FROM ? value : value * 1_000))
}

function seconds(ms: number): string | undefined {
  return ms > 0 && ms < 1e15 ? (ms / 1_000).toFixed(3) : undefined
}
