import type { Rule } from '../rule.ts'

/** Parts of a rule's history that are forgotten one after the other. */
const PARTS = 32

/**
 * How long a rule's records are kept: `within` + `late_by`, and up to a thirty-second part longer,
 * so that a group is looked at a few times per window and not for every record. Each group has its
 * own phase by the hash of its key, so that they do not all come due at one moment. What is kept
 * is still a function of the records and the watermark alone.
 */
export class Horizon {
  readonly #keptMs: number
  readonly #stepMs: number

  constructor(rule: Pick<Rule, 'lateByMs'>, withinMs: number) {
    this.#keptMs = withinMs + rule.lateByMs
    this.#stepMs = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, this.#keptMs / PARTS))))
  }

  /** Of a group; `hashLow` of its key. */
  phaseMs(hashLow: number): number {
    return hashLow % this.#stepMs
  }

  /** The watermark that must be passed before a record of this time is forgotten. */
  dueMs(timeMs: number, phaseMs: number): number {
    const part = Math.floor((timeMs + this.#keptMs + phaseMs) / this.#stepMs)
    return (part + 1) * this.#stepMs - 1 - phaseMs
  }

  /** Records below this time are forgotten. */
  beforeMs(watermarkMs: number, phaseMs: number): number {
    const passed = Math.ceil((watermarkMs + 1 + phaseMs) / this.#stepMs) - 1
    return passed * this.#stepMs - this.#keptMs - phaseMs
  }
}
