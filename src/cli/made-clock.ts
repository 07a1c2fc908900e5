import type { JournalBatch } from '../ingest/journal/journal.ts'
import type { InputTiming } from '../model/partition.ts'
import { stemOfPartition } from '../model/slab.ts'
import { PartitionTracker } from '../rules/partition-tracker.ts'
import type { JournalStep } from '../threads/journal-steps.ts'

const SECOND_MS = 1_000

/**
 * Clock entries for a journal without its database: what a service would have written that kept
 * up and was never away. Every second while an input is idle, and whenever a state changes.
 */
export function* withMadeClock(
  batches: Iterable<JournalBatch>,
  timing: (input: string) => InputTiming,
  toMs: number,
): Generator<JournalStep> {
  const tracker = new PartitionTracker([], timing)
  const latest = new Map<string, string>()
  let nowMs = -Infinity
  for (const batch of batches) {
    const { partition, first, count, receivedMs } = batch
    yield* passed(tracker, nowMs, receivedMs)
    nowMs = Math.max(nowMs, receivedMs)
    const stem = stemOfPartition(partition)
    const former = latest.get(stem)
    // A new writer's partition: nothing comes any more through the one before.
    if (former !== undefined && former !== partition) tracker.retire(former)
    latest.set(stem, partition)
    const to = first + count
    tracker.observe(partition, { maxTimeMs: receivedMs, receivedMs, to, nowMs })
    yield { kind: 'batch', batch }
  }
  yield* passed(tracker, nowMs, toMs)
}

/** The seconds between two batches at which there is something to say. */
function* passed(tracker: PartitionTracker, fromMs: number, toMs: number): Generator<JournalStep> {
  if (fromMs === -Infinity) return
  for (let nowMs = fromMs + SECOND_MS; nowMs < toMs; nowMs += SECOND_MS) {
    const body = tracker.due(
      nowMs,
      () => true,
      () => 'up',
    )
    if (body !== undefined) tracker.applyClock(body)
    const isIdle = tracker.states().some(({ progress }) => progress === 'idle')
    if (body === undefined && !isIdle) continue
    yield { kind: 'clock', body: body ?? { kind: 'clock', nowMs, partitions: [] } }
  }
}
