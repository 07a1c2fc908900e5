/**
 * The journal as the source of a backtest (design §4.1): what arrived between two times, in order
 * of `received`, with the clock entries that were written then in their places.
 */
import type { JournalBatch, JournalPartition, JournalReader } from '../ingest/journal/journal.ts'
import { stemOfPartition } from '../model/slab.ts'
import { byArrival, closeReading, earliest, openReading } from '../threads/journal-steps.ts'
import type { Arrived, Reading } from '../threads/journal-steps.ts'

export interface JournalRange {
  readonly fromMs: number
  /** Exclusive. */
  readonly toMs: number
}

/** How long before the range reading begins: far enough to know how far each input had come. */
const LEAD_MS = 10 * 60_000

/**
 * Batches of every partition received in the range, in order of `received`, then of partition and
 * position, led by some from before it that show how far the partitions had come. A partition's
 * own order is never changed, whatever a clock that was set back says; its first batch received
 * after the range ends it. `onHole` is told positions that are missing within a partition.
 */
export function* batchesInOrder(
  journal: JournalReader,
  { fromMs, toMs }: JournalRange,
  onHole: (partition: string, from: number, to: number) => void,
): Generator<JournalBatch> {
  // Read only once their turn comes: a journal holds a partition for every restart.
  const waiting = startsOf(journal, fromMs - LEAD_MS).sort(byArrival)
  const reading: Reading[] = []
  for (;;) {
    let next = earliest(reading)
    const start = waiting[0]
    if (start !== undefined && (next === undefined || byArrival(start, next.head) < 0)) {
      waiting.shift()
      const opened = openReading(journal.read(start.partition, start.first))
      if (opened !== undefined) reading.push(opened)
      next = earliest(reading)
    }
    if (next === undefined) {
      if (waiting.length === 0) return
      continue
    }
    if (next.head.receivedMs >= toMs) {
      closeReading(reading, next)
      continue
    }
    yield next.head
    const expected = next.head.first + next.head.count
    const { value } = next.batches.next()
    if (value === undefined) {
      closeReading(reading, next)
      continue
    }
    if (value.first > expected && value.receivedMs >= fromMs) {
      onHole(value.partition, expected, value.first)
    }
    next.head = value
  }
}

/**
 * Where reading each partition begins: one batch before the first received since then. Of the
 * partitions of an input that were quiet since then, only the latest still counts.
 */
function startsOf(journal: JournalReader, sinceMs: number): Arrived[] {
  const starts: Arrived[] = []
  const quiet = new Map<string, JournalPartition>()
  for (const each of journal.partitions()) {
    const { partition, first, maxReceivedMs } = each
    if (maxReceivedMs >= sinceMs) {
      const since = firstOf(journal.readSince(partition, sinceMs))
      if (since !== undefined) starts.push(...startAt(journal, partition, since.first - 1, first))
      continue
    }
    const stem = stemOfPartition(partition)
    const latest = quiet.get(stem)
    if (latest === undefined || latest.maxReceivedMs < maxReceivedMs) quiet.set(stem, each)
  }
  for (const { partition, next, first } of quiet.values()) {
    starts.push(...startAt(journal, partition, next - 1, first))
  }
  return starts
}

function startAt(
  journal: JournalReader,
  partition: string,
  position: number,
  lowest: number,
): readonly Arrived[] {
  const batch = firstOf(journal.read(partition, Math.max(position, lowest)))
  if (batch === undefined) return []
  return [{ partition, first: batch.first, receivedMs: batch.receivedMs }]
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  const iterator = items[Symbol.iterator]()
  const { value, done } = iterator.next()
  iterator.return?.()
  return done === true ? undefined : value
}
