import type { CheckpointNext, CoreStore, SavedBucket, TimeBucket } from '../../src/model/commit.ts'
import { partition } from './builders.ts'

/** A bucket of the rule `r` after entry 1, unless `over` says otherwise. */
export function bucket(over: Partial<SavedBucket> = {}): SavedBucket {
  return { ruleId: 'r', stateHash: 'h', bucket: 0, no: 1, blob: Uint8Array.of(1, 2, 3), ...over }
}

/** A complete cycle in which the rule `r` is in force, unless `over` says otherwise. */
export function cycle(over: Partial<CheckpointNext> = {}): CheckpointNext {
  return {
    no: 1,
    time: { ruleset: 'rules1', partitions: [partition()], watermarks: { 'payments|event': 7 } },
    rules: [{ ruleId: 'r', stateHash: 'h' }],
    ...over,
  }
}

/** What a start would find. */
export async function loaded(
  store: CoreStore,
): Promise<{ time: TimeBucket | undefined; buckets: SavedBucket[] }> {
  const { time, buckets } = await store.loadCheckpoint()
  const found: SavedBucket[] = []
  for await (const bucket of buckets) found.push(bucket)
  return { time, buckets: allOf(found) }
}

/** Buckets in one order, because a store promises none; blobs of one class, to compare them. */
export function allOf(buckets: readonly SavedBucket[]): SavedBucket[] {
  const name = ({ ruleId, stateHash, bucket }: SavedBucket) =>
    JSON.stringify([ruleId, stateHash, String(bucket).padStart(3, '0')])
  return buckets
    .map((each) => ({ ...each, blob: Uint8Array.from(each.blob) }))
    .sort((a, b) => (name(a) < name(b) ? -1 : 1))
}

/** Numbers of the kept entries from one on. */
export async function logged(store: CoreStore, from: number): Promise<number[]> {
  const numbers: number[] = []
  for await (const { no } of store.readLog(from)) numbers.push(no)
  return numbers
}
