import type { Clock } from '../../src/lib/clock.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** Where the simulated world begins: a time that looks like one. */
export const START_MS = Date.UTC(2026, 0, 5, 9)

export interface ClockFaults {
  /** Gained or lost per ms of true time. */
  readonly drift: number
  /** Greatest deviation at any moment, ms. */
  readonly noiseMs: number
}

/** One machine's idea of the time: true time with drift, noise and steps. */
export class MachineClock {
  #offsetMs = 0
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #faults: ClockFaults

  constructor(scheduler: Scheduler, random: Random, faults: ClockFaults) {
    this.#scheduler = scheduler
    this.#random = random
    this.#faults = faults
  }

  readonly now: Clock = () => {
    const { nowMs } = this.#scheduler
    const { drift, noiseMs } = this.#faults
    const noise = noiseMs === 0 ? 0 : this.#random.between(-noiseMs, noiseMs)
    return START_MS + Math.round(nowMs * (1 + drift) + this.#offsetMs) + noise
  }

  /** Somebody, or a time server, sets it. */
  step(byMs: number): void {
    this.#offsetMs += byMs
  }
}
