/** Wall time in ms UTC. Handed to adapters and tests as an argument (I1). */
export type Clock = () => number

/** Stops a timer; harmless when it has run already. */
export type Cancel = () => void

/** Timers as an argument, so that tests turn the hands themselves. */
export interface Timers {
  /** Runs `task` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, task: () => void): Cancel
  /** Runs `task` every `periodMs` until cancelled. Does not keep the process alive. */
  every(periodMs: number, task: () => void): Cancel
}
