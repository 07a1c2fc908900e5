import type { SloReader } from '../../src/slo/objective.ts'

const MINUTE_MS = 60_000

/** Counts by objective and minute, in memory. */
export class MemorySloReader implements SloReader {
  readonly #minutes = new Map<string, Map<number, { total: number; bad: number }>>()

  count(slo: string, atMs: number, total: number, bad: number): void {
    const minutes = this.#minutes.get(slo) ?? new Map<number, { total: number; bad: number }>()
    this.#minutes.set(slo, minutes)
    const minute = Math.floor(atMs / MINUTE_MS) * MINUTE_MS
    const before = minutes.get(minute) ?? { total: 0, bad: 0 }
    minutes.set(minute, { total: before.total + total, bad: before.bad + bad })
  }

  async totals(): Promise<readonly { slo: string; total: number; bad: number }[]> {
    return [...this.#minutes.keys()].map((slo) => ({ slo, ...this.#sum(slo, -Infinity, Infinity) }))
  }

  async window(slo: string, fromMs: number, toMs: number) {
    return this.#sum(slo, fromMs, toMs)
  }

  async latestMinute(slo: string): Promise<number | null> {
    const minutes = [...(this.#minutes.get(slo)?.keys() ?? [])]
    return minutes.length === 0 ? null : Math.max(...minutes)
  }

  #sum(slo: string, fromMs: number, toMs: number): { total: number; bad: number } {
    const sum = { total: 0, bad: 0 }
    for (const [minute, { total, bad }] of this.#minutes.get(slo) ?? []) {
      if (minute < fromMs || minute >= toMs) continue
      sum.total += total
      sum.bad += bad
    }
    return sum
  }
}
