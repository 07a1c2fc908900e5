import { describe, expect, it } from 'vitest'

import { untilSilent } from '../src/standby.ts'

/** Answers one reading after the other, the last for ever; counts the seconds slept. */
function world(readings: readonly (number | undefined)[]) {
  const abort = new AbortController()
  const seen = { reads: 0, slept: 0 }
  return {
    seen,
    abort,
    options: {
      read: () => readings[Math.min(seen.reads++, readings.length - 1)],
      sleep: async (ms: number) => void (seen.slept += ms),
      signal: abort.signal,
      silentMs: 3_000,
    },
  }
}

describe('standing by', () => {
  it('takes over after the whole time without a commit', async () => {
    const { options, seen } = world([7])
    expect(await untilSilent(options)).toBe(true)
    expect(seen.slept).toBe(3_000)
  })

  it('begins to count anew with every commit', async () => {
    const { options, seen } = world([7, 7, 7, 8, 8, 9, 9])
    expect(await untilSilent(options)).toBe(true)
    expect(seen.slept).toBe(8_000)
  })

  it('takes over a folder that never had an owner', async () => {
    const { options } = world([undefined])
    expect(await untilSilent(options)).toBe(true)
  })

  it('gives up when it is told to stop', async () => {
    const { options, abort } = world([1, 2, 3, 4, 5])
    const waiting = untilSilent(options)
    abort.abort()
    expect(await waiting).toBe(false)
  })
})
