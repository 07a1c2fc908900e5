import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalBatch, JournalReader } from '../../ingest/journal/journal.ts'
import { MatchBuilder } from '../../model/match-builder.ts'
import type { Matches } from '../../model/matches.ts'
import { inputOfPartition } from '../../model/slab.ts'
import type { Slab } from '../../model/slab.ts'
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
   * records. What the journal no longer holds is a slab without rows, marked as a hole, so that
   * work goes on and a replay, which finds the same hole, answers the same.
   */
  read(
    partition: string,
    range: { readonly from: number; readonly to: number; readonly budget?: number },
    matcherFor: (input: string) => { readonly matcher: Matcher; readonly ruleset: string },
  ): Matches[] {
    const { matcher, ruleset } = matcherFor(inputOfPartition(partition))
    const step = new MatchStep(matcher, ruleset)
    const found: Matches[] = []
    const enough = range.from + (range.budget ?? Number.POSITIVE_INFINITY)
    let at = range.from
    const skipTo = (position: number): void => {
      if (position > at) found.push(holeOf(partition, at, { count: position - at, ruleset }))
    }
    for (const batch of this.#journal.read(partition, range.from, range.to)) {
      skipTo(batch.first)
      found.push(this.#match(batch, step))
      at = batch.first + batch.count
      if (at >= enough) return found
    }
    skipTo(range.to)
    return found
  }

  #match(batch: JournalBatch, step: MatchStep): Matches {
    const maxTimeMs = scanBatch(batch, this.#event, (ordinal, maxSoFarMs) =>
      step.record(this.#event, ordinal, maxSoFarMs),
    )
    return step.seal(slabOf(batch), maxTimeMs)
  }
}

/** Nothing was seen in a hole: it moves the position and no watermark. */
export function holeOf(
  partition: string,
  from: number,
  { count, ruleset }: { readonly count: number; readonly ruleset: string },
): Matches {
  const receivedMs = Number.NEGATIVE_INFINITY
  const nothing = new MatchBuilder().finish()
  const slab = { partition, thread: -1, seq: from, count, ruleset }
  return { ...slab, receivedMs, maxTimeMs: receivedMs, ...nothing, isHole: true }
}

/**
 * Moves the event over the records of a batch that may be evaluated; answers the greatest
 * min(time, received) of all its records, which `onRecord` is told as it stands at each.
 */
export function scanBatch(
  { bytes, offsets, count, source, ...batch }: JournalBatch,
  event: GelfEvent,
  onRecord: (ordinal: number, maxTimeMs: number) => void,
): number {
  const poison = new Set(source?.poison.map(({ ordinal }) => ordinal))
  let maxTimeMs = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) {
    if (poison.has(i)) continue
    const receivedMs = source?.times[i] ?? batch.receivedMs
    const rejection = event.scan(bytes, offsets[i]!, offsets[i + 1]!, receivedMs)
    // Only what was accepted was written; limits that have become tighter skip a record alike.
    if (rejection !== undefined) continue
    maxTimeMs = Math.max(maxTimeMs, Math.min(event.timeMs, receivedMs))
    if (!event.isOwn) onRecord(i, maxTimeMs)
  }
  return maxTimeMs
}

/** The slab that a batch was; which thread made it is not kept. */
export function slabOf({
  first,
  partition,
  bytes,
  offsets,
  receivedMs,
  source,
}: JournalBatch): Slab {
  const slab = { partition, thread: -1, seq: first, bytes, offsets, receivedMs }
  return source === undefined ? slab : { ...slab, source }
}
