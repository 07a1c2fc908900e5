import type { Occurrence } from '../model/occurrence.ts'
import type { LogLevel } from './logger.ts'

/** One line per (name, labels) in this time. */
const PERIOD_MS = 60_000
/** Different (name, labels) remembered at a time; beyond it the oldest is let go. */
const KEYS_MAX = 1_000

interface Held {
  readonly sinceMs: number
  /** The latest one held back, which stands for all. */
  latest: Occurrence
  level: LogLevel
  count: number
}

/**
 * Keeps a repeated warning from flooding the log (M2): the first of each (name, labels) is
 * written at once, what follows within a minute is counted and written as one line after it.
 */
export class RepeatedLines {
  readonly #held = new Map<string, Held>()
  readonly #write: (occurrence: Occurrence, level: LogLevel, heldBack: number) => void

  /** `heldBack`: how many happened since the last line besides the one written. */
  constructor(write: (occurrence: Occurrence, level: LogLevel, heldBack: number) => void) {
    this.#write = write
  }

  add(occurrence: Occurrence, level: LogLevel, nowMs: number): void {
    const key = JSON.stringify([occurrence.name, occurrence.labels ?? {}])
    const held = this.#held.get(key)
    if (held !== undefined && nowMs - held.sinceMs < PERIOD_MS && nowMs >= held.sinceMs) {
      held.latest = occurrence
      held.level = level
      held.count++
      return
    }
    this.#held.delete(key)
    if (this.#held.size >= KEYS_MAX) this.#release(this.#held.keys().next().value)
    this.#held.set(key, { sinceMs: nowMs, latest: occurrence, level, count: 0 })
    this.#write(occurrence, level, held?.count ?? 0)
  }

  /** Writes what has waited a whole period. */
  sweep(nowMs: number): void {
    for (const [key, held] of this.#held) {
      if (nowMs - held.sinceMs < PERIOD_MS) continue
      this.#release(key)
      // What was just written opens the next period, else a steady flood would get two lines.
      if (held.count > 0) this.#held.set(key, { ...held, sinceMs: nowMs, count: 0 })
    }
  }

  /** Writes everything held back. */
  flush(): void {
    for (const key of this.#held.keys()) this.#release(key)
  }

  #release(key: string | undefined): void {
    if (key === undefined) return
    const held = this.#held.get(key)
    this.#held.delete(key)
    if (held !== undefined && held.count > 0) this.#write(held.latest, held.level, held.count - 1)
  }
}
