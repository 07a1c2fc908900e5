import type { CommitEntry, Gap } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import { inputOfPartition } from '../../model/slab.ts'

/** As the store folds what is dropped into one gap. */
const FOLD_MS = 60_000

/**
 * Counts gaps for the metrics, each once and with its length when it is known: one that lasts comes
 * again with its end, and what is dropped while it goes on is one. One entry for each input (I2).
 */
export class ToldGaps {
  readonly #report: Report
  readonly #droppedToMs = new Map<string, number>()
  readonly #lasting = new Set<string>()

  constructor(report: Report) {
    this.#report = report
  }

  tell(entries: readonly CommitEntry[]): void {
    for (const { gaps = [] } of entries) for (const gap of gaps) this.#tell(gap)
  }

  #tell(gap: Gap): void {
    const labels = { input: inputOfPartition(gap.partition), reason: gap.reason }
    const { isNew, ms } = this.#figures(gap, labels.input)
    if (isNew) this.#report({ name: 'input.gap', labels, detail: { ...gap } })
    if (ms > 0) this.#report({ name: 'input.gap_time', labels, count: ms / 1_000 })
  }

  #figures(gap: Gap, input: string): { readonly isNew: boolean; readonly ms: number } {
    switch (gap.reason) {
      case 'journal':
      case 'retention':
      case 'truncated':
      case 'recreated':
        return { isNew: true, ms: 0 }
      case 'dropped': {
        const beforeMs = this.#droppedToMs.get(input) ?? -Infinity
        this.#droppedToMs.set(input, Math.max(beforeMs, gap.toMs))
        const isNew = gap.fromMs - FOLD_MS > beforeMs
        const fromMs = isNew ? gap.fromMs : Math.min(beforeMs, gap.toMs)
        return { isNew, ms: gap.toMs - fromMs }
      }
      case 'down':
      case 'disconnected': {
        const isNew = !this.#lasting.delete(gap.partition)
        if (gap.toMs === null) this.#lasting.add(gap.partition)
        return { isNew, ms: (gap.toMs ?? gap.fromMs) - gap.fromMs }
      }
    }
  }
}
