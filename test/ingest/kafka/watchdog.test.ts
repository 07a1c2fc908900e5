import { describe, expect, it } from 'vitest'

import { Watchdog, WATCHDOG_LIMITS } from '../../../src/ingest/kafka/watchdog.ts'

/** What is said first while time passes in steps of half a second, and after how long. */
function firstAlarm(
  dog: Watchdog,
  forMs: number,
  eachTick: (atMs: number) => void = () => undefined,
): { readonly atMs: number; readonly what: string } | undefined {
  for (let atMs = 500; atMs <= forMs; atMs += 500) {
    eachTick(atMs)
    const what = dog.tick(500)
    if (what !== undefined) return { atMs, what }
  }
  return undefined
}

describe('the watchdog of a consumer', () => {
  it('lets a member live that sends heartbeats and gets records', () => {
    const dog = new Watchdog()
    dog.joined()
    const beat = (): void => {
      dog.heartbeat()
      dog.progress()
    }
    expect(firstAlarm(dog, 600_000, beat)).toBeUndefined()
  })

  it('ends a member whose heartbeats stopped, before the group would (10 s)', () => {
    const dog = new Watchdog()
    dog.joined()
    const alarm = firstAlarm(dog, 60_000)
    expect(alarm?.what).toMatch(/no heartbeat/)
    expect(alarm?.atMs).toBeGreaterThan(WATCHDOG_LIMITS.heartbeat)
    expect(alarm?.atMs).toBeLessThan(10_000)
  })

  it('waits while a join is held back by another member, but not for ever', () => {
    const dog = new Watchdog()
    dog.joined()
    dog.rebalancing()
    const alarm = firstAlarm(dog, 60_000)
    expect(alarm?.what).toMatch(/joining/)
    expect(alarm?.atMs).toBeGreaterThan(15_000)
    expect(alarm?.atMs).toBeLessThanOrEqual(WATCHDOG_LIMITS.join + 500)
  })

  it('counts a join from its beginning, however often the group says that it is dealt anew', () => {
    const dog = new Watchdog()
    dog.joined()
    const alarm = firstAlarm(dog, 60_000, () => dog.rebalancing())
    expect(alarm?.atMs).toBeLessThanOrEqual(WATCHDOG_LIMITS.join + 1_000)
  })

  it('gives the first join longer: a coordinator may still be loading', () => {
    const alarm = firstAlarm(new Watchdog(), 120_000)
    expect(alarm?.atMs).toBeGreaterThan(WATCHDOG_LIMITS.join)
    expect(alarm?.atMs).toBeLessThanOrEqual(WATCHDOG_LIMITS.firstJoin + 500)
  })

  it('starts afresh with each join', () => {
    const dog = new Watchdog()
    dog.joined()
    firstAlarm(dog, 7_000)
    dog.rebalancing()
    firstAlarm(dog, 20_000)
    dog.joined()
    expect(firstAlarm(dog, 7_500)).toBeUndefined()
  })

  it('ends a member that is told of records and gets none', () => {
    const dog = new Watchdog()
    dog.joined()
    const alarm = firstAlarm(dog, 120_000, () => dog.heartbeat())
    expect(alarm?.what).toMatch(/none came/)
    expect(alarm?.atMs).toBeGreaterThan(WATCHDOG_LIMITS.progress)
  })
})
