import type { Cancel, Timers } from '../lib/clock.ts'
import type { CoreStats, InputStats } from '../model/stats.ts'

export interface InputWithRate extends InputStats {
  /** Records evaluated per second over the last minute; `null` until two samples are there. */
  readonly ratePerSecond: number | null
  readonly state: InputState
}

/** The worst that holds: no sender is connected, nothing came for too long, more came than was read. */
export const INPUT_STATES = ['disconnected', 'silent', 'behind', 'waiting', 'receiving'] as const

export type InputState = (typeof INPUT_STATES)[number]

/** An input with more records not yet evaluated is behind. */
export const BEHIND_RECORDS = 10_000

const SAMPLE_MS = 5_000
/** One minute of samples. */
const SAMPLES_MAX = 13

/** Keeps a minute of the core's figures, to say how fast an input is. */
export class InputRates {
  readonly #stats: () => CoreStats | undefined
  #samples: CoreStats[] = []

  constructor(stats: () => CoreStats | undefined) {
    this.#stats = stats
  }

  start(timers: Timers): Cancel {
    this.sample()
    return timers.every(SAMPLE_MS, () => this.sample())
  }

  sample(): void {
    const stats = this.#stats()
    if (stats === undefined || stats.nowMs === this.#samples.at(-1)?.nowMs) return
    this.#samples = [...this.#samples, stats].slice(-SAMPLES_MAX)
  }

  inputs(): readonly InputWithRate[] {
    const now = this.#stats()
    if (now === undefined) return []
    const before = this.#samples.find((sample) => sample.nowMs < now.nowMs)
    return now.inputs.map((input) => ({
      ...input,
      ratePerSecond: rate(input, now, before),
      state: stateOf(input),
    }))
  }
}

function stateOf(input: InputStats): InputState {
  if (input.disconnectedSinceMs !== null) return 'disconnected'
  if (input.silentSinceMs !== null) return 'silent'
  if (input.backlog > BEHIND_RECORDS) return 'behind'
  return input.lastReceivedMs === null ? 'waiting' : 'receiving'
}

function rate(input: InputStats, now: CoreStats, before: CoreStats | undefined): number | null {
  const earlier = before?.inputs.find(
    (each) => each.input === input.input && each.partition === input.partition,
  )
  if (before === undefined || earlier === undefined) return null
  const seconds = (now.nowMs - before.nowMs) / 1_000
  return Math.max(0, input.evaluated - earlier.evaluated) / seconds
}
