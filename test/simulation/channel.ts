import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * An ordered, lossless way between two threads that takes its time; messages of two channels
 * overtake each other. What a process had on its way is gone when it dies.
 */
export class Channel<T> {
  readonly #parts
  #lastMs = 0
  #meanMs: number

  constructor(parts: {
    readonly scheduler: Scheduler
    readonly random: Random
    readonly gate: (task: () => void) => void
    readonly deliver: (message: T) => void
    readonly meanMs: number
  }) {
    this.#parts = parts
    this.#meanMs = parts.meanMs
  }

  post(message: T): void {
    const { scheduler, random, gate, deliver } = this.#parts
    const atMs = Math.max(this.#lastMs, scheduler.nowMs + random.delay(this.#meanMs))
    this.#lastMs = atMs
    scheduler.at(atMs, () => gate(() => deliver(message)))
  }

  /** Nothing arrives before this time: the thread on the way is busy. */
  stall(untilMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, untilMs)
  }

  set meanMs(meanMs: number) {
    this.#meanMs = meanMs
  }
}
