import type { LedgerDelta } from '../../model/commit.ts'

/** The ledger counts by hours of event time. */
export const HOUR_MS = 3_600_000

/** What became of a match (I9); the order is part of nothing stored. */
const CLASSES = [
  { class: 'episode', reason: null },
  { class: 'below', reason: null },
  { class: 'skipped', reason: 'late' },
  { class: 'skipped', reason: 'idle' },
  { class: 'skipped', reason: 'missing_group' },
  { class: 'skipped', reason: 'inactive' },
  { class: 'skipped', reason: 'cap' },
  { class: 'skipped', reason: 'quarantined' },
] as const satisfies readonly Pick<LedgerDelta, 'class' | 'reason'>[]

export type LedgerClass = 'episode' | 'below' | NonNullable<LedgerDelta['reason']>

const NUMBER_OF = Object.fromEntries(
  CLASSES.map((entry, number) => [entry.reason ?? entry.class, number]),
) as Record<LedgerClass, number>

/** Counts of every rule since they were last taken; only rules that counted cost anything. */
export class LedgerBook {
  #written: Ledger[] = []

  ledger(ruleId: string): Ledger {
    const ledger: Ledger = new Ledger(ruleId, () => this.#written.push(ledger))
    return ledger
  }

  /** By rule, hour and class. */
  take(): LedgerDelta[] {
    if (this.#written.length === 0) return []
    const written = this.#written.sort((a, b) => (a.ruleId < b.ruleId ? -1 : 1))
    this.#written = []
    return written.flatMap((ledger) => ledger.take())
  }
}

/** Counts of one rule, per hour of event time. */
export class Ledger {
  readonly ruleId: string
  readonly #onFirst: () => void
  #counts = new Map<number, number>()

  constructor(ruleId: string, onFirst: () => void) {
    this.ruleId = ruleId
    this.#onFirst = onFirst
  }

  count(as: LedgerClass, timeMs: number, count = 1): void {
    if (this.#counts.size === 0) this.#onFirst()
    const slot = Math.floor(timeMs / HOUR_MS) * CLASSES.length + NUMBER_OF[as]
    this.#counts.set(slot, (this.#counts.get(slot) ?? 0) + count)
  }

  take(): LedgerDelta[] {
    const deltas = [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([slot, count]) => {
        const hour = Math.floor(slot / CLASSES.length)
        const entry = CLASSES[slot - hour * CLASSES.length]!
        return { ruleId: this.ruleId, hourMs: hour * HOUR_MS, ...entry, count }
      })
    this.#counts = new Map()
    return deltas
  }
}
