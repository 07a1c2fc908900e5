const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/**
 * Waits between the attempts of one delivery. The urgent ones start identification although the
 * receiver restarts just now; the long ones (Standard Webhooks' example) outlive a weekend:
 * the fifteenth and last attempt is made about 75 h 44 m after the first.
 */
const URGENT_WAITS_MS: readonly number[] = [
  0,
  2 * SECOND_MS,
  10 * SECOND_MS,
  30 * SECOND_MS,
  MINUTE_MS,
  2 * MINUTE_MS,
  5 * MINUTE_MS,
]

const LONG_WAITS_MS: readonly number[] = [
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
]

/** Wait before attempt n + 1 at index n: before the first there is none. */
const WAITS_MS: readonly number[] = [...URGENT_WAITS_MS, ...LONG_WAITS_MS]

/** How many attempts a delivery gets. */
export const ATTEMPTS_MAX = WAITS_MS.length

/** A receiver may ask for patience, but not for ever. */
const RETRY_AFTER_MAX_MS = 24 * HOUR_MS

/** Share by which a wait is lengthened or shortened, so that thousands do not come back at once. */
const JITTER = 0.2

/**
 * How long to wait after the `attempt`-th attempt (from 1) failed, or `dead` when it was the last.
 * `random` is in [0, 1). A `Retry-After` lengthens the wait, up to 24 h, and never shortens it:
 * a receiver that says "one second" for three days would use up every attempt in a minute.
 */
export function nextAttempt(
  attempt: number,
  random: number,
  retryAfterMs?: number | null,
): { readonly delayMs: number } | 'dead' {
  const waitMs = WAITS_MS[attempt]
  if (waitMs === undefined) return 'dead'
  const jittered = Math.round(waitMs * (1 - JITTER + 2 * JITTER * random))
  return { delayMs: Math.max(jittered, Math.min(retryAfterMs ?? 0, RETRY_AFTER_MAX_MS)) }
}

/** IMF-fixdate and the two older forms of RFC 9110 §5.6.7, roughly; `Date.parse` does the rest. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? [\w :-]{15,25}$/

/**
 * Milliseconds that a `Retry-After` header asks for: seconds or an HTTP date (RFC 9110 §10.2.3),
 * at most 24 h; `null` where it is missing or neither.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  const text = header.trim()
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text) * SECOND_MS, RETRY_AFTER_MAX_MS)
  if (!HTTP_DATE.test(text)) return null
  const atMs = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  if (Number.isNaN(atMs)) return null
  return Math.min(Math.max(atMs - nowMs, 0), RETRY_AFTER_MAX_MS)
}
