import { describe, expect, it } from 'vitest'
import { ProcessTimers, Scheduler } from './scheduler.ts'

describe('virtual time', () => {
  it('moves in order of time, then of registration, and only when no promise can go on', async () => {
    const scheduler = new Scheduler()
    const seen: string[] = []
    const say = (text: string) => () => void seen.push(`${scheduler.nowMs} ${text}`)
    scheduler.at(20, say('late'))
    scheduler.at(10, say('first'))
    scheduler.at(10, () => {
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve()
        say('after fifty promises')()
      })()
    })
    scheduler.at(10, say('third'))
    await scheduler.runUntil(15)
    expect(seen).toEqual(['10 first', '10 after fifty promises', '10 third'])
    expect(scheduler.nowMs).toBe(15)
    await scheduler.runUntil(20)
    expect(seen.at(-1)).toBe('20 late')
  })

  it('wakes a process no more once it is dead, and never what was cancelled', async () => {
    const scheduler = new Scheduler()
    let isAlive = true
    const timers = new ProcessTimers(scheduler, (task) => {
      if (isAlive) task()
    })
    let ticks = 0
    timers.every(10, () => ticks++)
    timers.after(5, () => ticks++)()
    await scheduler.runUntil(35)
    expect(ticks).toBe(3)
    isAlive = false
    await scheduler.runUntil(100)
    expect(ticks).toBe(3)
  })
})
