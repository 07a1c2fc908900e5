import type { LedgerDelta } from '../../model/commit.ts'

const HOUR_MS = 3_600_000

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

/** Counts of one rule since they were last taken, per hour of event time. */
export class Ledger {
  #counts = new Map<number, number>()

  count(as: LedgerClass, timeMs: number, count = 1): void {
    const slot = Math.floor(timeMs / HOUR_MS) * CLASSES.length + NUMBER_OF[as]
    this.#counts.set(slot, (this.#counts.get(slot) ?? 0) + count)
  }

  take(ruleId: string): LedgerDelta[] {
    if (this.#counts.size === 0) return []
    const deltas = [...this.#counts]
      .sort(([a], [b]) => a - b)
      .map(([slot, count]) => {
        const hour = Math.floor(slot / CLASSES.length)
        const entry = CLASSES[slot - hour * CLASSES.length]!
        return { ruleId, hourMs: hour * HOUR_MS, ...entry, count }
      })
    this.#counts = new Map()
    return deltas
  }
}
