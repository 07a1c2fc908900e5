/** The milliseconds that a written date covers: `2026-11-24` is the whole day. Both inclusive. */
export interface DateInterval {
  readonly fromMs: number
  readonly toMs: number
}

const DATE =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?)?(Z|[+-]\d\d:?\d\d)?$/

/**
 * Reads `2026`, `2026-11-24`, `2026-11-24 08:00:00.000` (Graylog's own form), RFC 3339, or
 * milliseconds since 1970 with at least five digits. Without a zone it is UTC, as in Graylog.
 */
export function dateInterval(text: string): DateInterval | undefined {
  if (/^-?\d{5,16}$/.test(text)) return { fromMs: Number(text), toMs: Number(text) }
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  const millis = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3))
  const at = (carry: readonly number[]): number =>
    Date.UTC(
      Number(year) + carry[0]!,
      Number(month ?? 1) - 1 + carry[1]!,
      Number(day ?? 1) + carry[2]!,
      Number(hour ?? 0) + carry[3]!,
      Number(minute ?? 0) + carry[4]!,
      Number(second ?? 0) + carry[5]!,
      millis,
    )
  const parts = [year, month, day, hour, minute, second]
  const precision = parts.filter((part) => part !== undefined).length - 1
  const isReal =
    new Date(at(NO_CARRY)).toISOString().slice(0, 10) === `${year}-${month ?? '01'}-${day ?? '01'}`
  if (!isReal || Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second ?? 0) > 59) {
    return undefined
  }
  const offsetMs = zoneMs(zone)
  const fromMs = at(NO_CARRY) - offsetMs
  if (fraction !== undefined) return { fromMs, toMs: fromMs }
  const carry = NO_CARRY.map((_, i) => (i === precision ? 1 : 0))
  return { fromMs, toMs: at(carry) - offsetMs - 1 }
}

const NO_CARRY: readonly number[] = [0, 0, 0, 0, 0, 0]

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}
