/** How long something may last, in ms; measured on real brokers (decision 011). */
export const WATCHDOG_LIMITS = {
  /** A heartbeat goes out every second; without one for 10 s the group expels the member. */
  heartbeat: 8_000,
  /** A join waits for members that are stopped, up to the rebalance time-out of 15 s. */
  join: 25_000,
  /** From the start to the first join: a coordinator may still be loading. */
  firstJoin: 45_000,
  /** Records are there, nobody has paused, and none comes. */
  progress: 60_000,
} as const

/**
 * Notices a consumer that lives and does nothing. kafkajs measures its heartbeats and time-outs by
 * the wall clock, so a step back ends them without an error; here time is counted in ticks of a
 * timer, which no clock moves.
 */
export class Watchdog {
  readonly #limits: typeof WATCHDOG_LIMITS
  #nowMs = 0
  #heartbeatMs = 0
  #joiningMs: number | undefined = 0
  #hasJoined = false
  #progressMs = 0

  constructor(limits: typeof WATCHDOG_LIMITS = WATCHDOG_LIMITS) {
    this.#limits = limits
  }

  heartbeat(): void {
    this.#heartbeatMs = this.#nowMs
  }

  rebalancing(): void {
    this.#joiningMs ??= this.#nowMs
  }

  joined(): void {
    this.#hasJoined = true
    this.#joiningMs = undefined
    this.#heartbeatMs = this.#nowMs
    this.#progressMs = this.#nowMs
  }

  /** Records came, or none are to come: there is no lag, or reading is paused. */
  progress(): void {
    this.#progressMs = this.#nowMs
  }

  /** `passedMs` went by; what has lasted too long, as a sentence. */
  tick(passedMs: number): string | undefined {
    this.#nowMs += passedMs
    const { heartbeat, join, firstJoin, progress } = this.#limits
    if (this.#joiningMs !== undefined) {
      const limit = this.#hasJoined ? join : firstJoin
      const lasted = this.#nowMs - this.#joiningMs
      return lasted > limit ? `joining the group took more than ${limit / 1_000} s` : undefined
    }
    if (this.#nowMs - this.#heartbeatMs > heartbeat) {
      return `no heartbeat went out for ${heartbeat / 1_000} s`
    }
    if (this.#nowMs - this.#progressMs > progress) {
      return `there are records, and none came for ${progress / 1_000} s`
    }
    return undefined
  }
}
