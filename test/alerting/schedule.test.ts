import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ATTEMPTS_MAX, nextAttempt, retryAfterMs } from '../../src/alerting/schedule.ts'
import { formatDuration } from '../../src/model/duration.ts'

const HOUR_MS = 3_600_000
const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0)

describe('the schedule of attempts', () => {
  it('is urgent first, then long, and ends after about 75 hours', () => {
    const delays: number[] = []
    let attempt = 1
    for (; ; attempt++) {
      const next = nextAttempt(attempt, 0.5)
      if (next === 'dead') break
      delays.push(next.delayMs)
    }
    expect(delays.map(formatDuration)).toEqual(
      '2s 10s 30s 1m 2m 5m 5m 30m 2h 5h 10h 14h 20h 1d'.split(' '),
    )
    expect(attempt).toBe(ATTEMPTS_MAX)
    const totalMs = delays.reduce((a, b) => a + b)
    expect(formatDuration(totalMs)).toBe('3d3h43m42s')
  })

  it('stays within a fifth of its waits, and Retry-After only ever lengthens one, to a day', () => {
    const attempts = fc.integer({ min: 1, max: ATTEMPTS_MAX - 1 })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(attempts, random, fc.nat(100 * HOUR_MS), (attempt, random, asked) => {
        const plain = delay(attempt, 0.5)
        const jittered = delay(attempt, random)
        expect(jittered).toBeGreaterThanOrEqual(Math.floor(plain * 0.8))
        expect(jittered).toBeLessThanOrEqual(Math.ceil(plain * 1.2))
        expect(delay(attempt, random, asked)).toBe(
          Math.max(jittered, Math.min(asked, 24 * HOUR_MS)),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('does not give another attempt for a Retry-After after the last', () => {
    expect(nextAttempt(ATTEMPTS_MAX, 0.5, 60_000)).toBe('dead')
  })
})

describe('a Retry-After header', () => {
  it.each([
    [null, null],
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['999999', 24 * HOUR_MS],
    ['99999999999999', null],
    ['-5', null],
    ['1.5', null],
    ['soon', null],
    ['', null],
    ['Thu, 01 Jan 2026 12:00:30 GMT', 30_000],
    ['Thursday, 01-Jan-26 12:00:30 GMT', 30_000],
    ['Thu Jan  1 12:00:30 2026', 30_000],
    ['Thu, 01 Jan 2026 11:00:00 GMT', 0],
    ['Thu, 01 Jan 2099 11:00:00 GMT', 24 * HOUR_MS],
    ['Thu, 99 Foo 2026 12:00:30 GMT', null],
    ['2026-01-01T12:00:30Z', null],
  ])('%j asks for %s ms', (header, expected) => {
    expect(retryAfterMs(header, NOW_MS)).toBe(expected)
  })
})

function delay(attempt: number, random: number, asked?: number): number {
  const next = nextAttempt(attempt, random, asked)
  if (next === 'dead') throw new Error('no attempt left')
  return next.delayMs
}
