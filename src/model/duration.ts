const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

/** What a duration may look like, for messages. */
export const DURATION_EXPECTED = 'a duration such as "90s", "5m", "1h30m" or "7d"'

/**
 * Milliseconds of a duration such as `300ms`, `5m`, `1h30m` or `7d`: whole numbers with units,
 * from the largest unit to the smallest, each at most once. `undefined` for anything else
 * (also for a bare number: `10` says neither seconds nor minutes).
 */
export function parseDuration(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d{1,12})(ms|[smhdw])/gy)]
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) return undefined
  let total = 0
  let lastUnit = Number.POSITIVE_INFINITY
  for (const [, count, unit] of parts) {
    const unitMs = UNIT_MS[unit as keyof typeof UNIT_MS]
    if (unitMs >= lastUnit) return undefined
    lastUnit = unitMs
    total += Number(count) * unitMs
  }
  return Number.isSafeInteger(total) ? total : undefined
}

/** The shortest text that {@link parseDuration} reads back as the same number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  let rest = Math.abs(Math.round(ms))
  let text = ms < 0 ? '-' : ''
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit])
    if (count > 0) text += `${count}${unit}`
    rest -= count * UNIT_MS[unit]
  }
  return text
}
