import { InvalidArgumentError } from 'commander'
import type { Clock } from '../lib/clock.ts'
import { DURATION_EXPECTED, parseDuration } from '../model/duration.ts'

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i

/** Reads a time given on the command line: RFC 3339 with its zone, or how long ago. ms UTC. */
export function instantReader(clock: Clock): (text: string) => number {
  return (text) => {
    const agoMs = parseDuration(text)
    if (agoMs !== undefined) return clock() - agoMs
    const ms = RFC_3339.test(text) ? Date.parse(text) : Number.NaN
    if (Number.isNaN(ms)) {
      throw new InvalidArgumentError(
        `expected a time such as "2026-11-24T08:00:00Z", or ${DURATION_EXPECTED} ago`,
      )
    }
    return ms
  }
}

/** A time as people read it; only what a calendar can hold is shown as one. */
export function instant(ms: number): string {
  return Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
