import type { Clock, Timers } from './lib/clock.ts'

/** The machine's wall clock; only composition roots and adapters' entry points take it. */
export const systemClock: Clock = () => Date.now()

export const systemTimers: Timers = {
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(periodMs, task) {
    const timer = setInterval(task, periodMs)
    timer.unref()
    return () => clearInterval(timer)
  },
}
