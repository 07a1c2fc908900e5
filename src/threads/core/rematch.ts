import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalBatch, JournalReader } from '../../ingest/journal/journal.ts'
import type { Matches } from '../../model/matches.ts'
import { inputOfPartition } from '../../model/slab.ts'
import { MatchStep } from '../../pipeline.ts'
import type { Matcher } from '../../rules/matching/matcher.ts'

/**
 * Reads slabs back from the journal and matches them again: recovery, a backlog of the process
 * before, rows that had no room, and slabs matched by a rule set that is not the active one.
 */
export class Rematch {
  readonly #journal: JournalReader
  readonly #event: GelfEvent

  constructor(journal: JournalReader, event: GelfEvent) {
    this.#journal = journal
    this.#event = event
  }

  /**
   * The slabs of positions [from, to) in order, stopping after the slab that reaches `budget`
   * records. Shorter than asked when the journal no longer holds them: compare the counts.
   */
  read(
    partition: string,
    range: { readonly from: number; readonly to: number; readonly budget?: number },
    matcherFor: (input: string) => { readonly matcher: Matcher; readonly ruleset: string },
  ): Matches[] {
    const { matcher, ruleset } = matcherFor(inputOfPartition(partition))
    const step = new MatchStep(matcher, ruleset)
    const found: Matches[] = []
    let records = 0
    for (const batch of this.#journal.read(partition, range.from, range.to)) {
      found.push(this.#match(batch, step))
      records += batch.count
      if (records >= (range.budget ?? Number.POSITIVE_INFINITY)) break
    }
    return found
  }

  #match(batch: JournalBatch, step: MatchStep): Matches {
    const { partition, bytes, offsets, receivedMs } = batch
    let maxTimeMs = Number.NEGATIVE_INFINITY
    for (let i = 0; i < batch.count; i++) {
      const rejection = this.#event.scan(bytes, offsets[i]!, offsets[i + 1]!, receivedMs)
      // Only what was accepted was written; limits that have become tighter skip a record alike.
      if (rejection !== undefined) continue
      maxTimeMs = Math.max(maxTimeMs, Math.min(this.#event.timeMs, receivedMs))
      if (!this.#event.isOwn) step.record(this.#event, i, maxTimeMs)
    }
    const slab = { partition, thread: -1, seq: batch.first, bytes, offsets, receivedMs }
    return step.seal(slab, maxTimeMs)
  }
}
