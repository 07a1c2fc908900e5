/**
 * The journal as a log to run rules over again (design §4.1): batches of all partitions in order of
 * arrival, with the clock entries that were written then in their places.
 */
import type { JournalBatch } from '../ingest/journal/journal.ts'
import type { LogBody } from '../model/commit.ts'

export type ClockBody = LogBody & { readonly kind: 'clock' }

/** One step of the log: records that arrived together, or a word about time. */
export type JournalStep =
  | { readonly kind: 'batch'; readonly batch: JournalBatch }
  | { readonly kind: 'clock'; readonly body: ClockBody }

/** Where a batch stands among those of other partitions. */
export interface Arrived {
  readonly partition: string
  readonly first: number
  readonly receivedMs: number
}

/** In order of `received`, then of partition and position. */
export function byArrival(a: Arrived, b: Arrived): number {
  if (a.receivedMs !== b.receivedMs) return a.receivedMs - b.receivedMs
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1
  return a.first - b.first
}

/** One partition that is being read: its next batch, and those behind it. */
export interface Reading {
  head: JournalBatch
  readonly batches: Iterator<JournalBatch, undefined>
}

/** `undefined` when there is nothing to read. */
export function openReading(source: Iterable<JournalBatch>): Reading | undefined {
  const batches = source[Symbol.iterator]() as Reading['batches']
  const head = batches.next().value
  return head === undefined ? undefined : { head, batches }
}

/** The one whose batch arrived first. */
export function earliest(reading: readonly Reading[]): Reading | undefined {
  let found: Reading | undefined
  for (const one of reading) {
    if (found === undefined || byArrival(one.head, found.head) < 0) found = one
  }
  return found
}

export function closeReading(reading: Reading[], one: Reading): void {
  reading.splice(reading.indexOf(one), 1)
  one.batches.return?.()
}

/** All of some partitions' batches; a partition's own order is never changed. */
export function* inOrderOfArrival(
  sources: readonly Iterable<JournalBatch>[],
): Generator<JournalBatch> {
  const reading = sources.map(openReading).filter((one) => one !== undefined)
  for (;;) {
    const next = earliest(reading)
    if (next === undefined) return
    yield next.head
    const { value } = next.batches.next()
    if (value === undefined) closeReading(reading, next)
    else next.head = value
  }
}

/**
 * Puts clock entries between batches: one stands before the batches received at its time or later,
 * because a batch received just then was not on disk yet. Entries after `toMs` are left out.
 */
export function* withClock(
  batches: Iterable<JournalBatch>,
  entries: Iterable<ClockBody>,
  toMs: number,
): Generator<JournalStep> {
  const clock = entries[Symbol.iterator]()
  let entry = clock.next().value as ClockBody | undefined
  const until = function* (ms: number): Generator<JournalStep> {
    while (entry !== undefined && entry.nowMs <= ms) {
      yield { kind: 'clock', body: entry }
      entry = clock.next().value as ClockBody | undefined
    }
  }
  for (const batch of batches) {
    yield* until(batch.receivedMs)
    yield { kind: 'batch', batch }
  }
  yield* until(toMs)
}
