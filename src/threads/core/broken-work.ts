import type { BrokenSlice, BrokenBody } from '../../model/broken.ts'
import type { CommitEntry } from '../../model/commit.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { Engine } from '../../rules/engine.ts'
import { correlate } from '../../pipeline.ts'
import type { NextSlice } from './feeds.ts'
import { holeOf } from './rematch.ts'

/** Slices that are taken one at a time, once work had failed over one that is not known. */
const ALONE_SLICES = 1_000

/**
 * Finds the records that break the work (I13). After the first time slices are taken one by one, so
 * that the second time tells which it was; the third start leaves it out and goes on behind it.
 */
export class BrokenWork {
  #alone = 0
  #breaks: BrokenSlice | undefined
  #slice: BrokenSlice | undefined

  /** `last` broken entry of the log, when nothing was written after it. */
  restore(last: BrokenBody | undefined): void {
    const { what, slice, isLive } = last ?? { isLive: true }
    if (isLive || what !== 'work' || slice === undefined) return
    this.#alone = ALONE_SLICES
    if (slice.isAlone) this.#breaks = slice
  }

  /** How many records the next commit may take: so few that it takes one slab, or `most`. */
  recordsMax(most: number): number {
    return this.#alone > 0 ? 1 : most
  }

  /** Whether the slice is the one that broke the work of two processes. */
  breaks({ partition, from, count }: NextSlice): boolean {
    const found = this.#breaks
    return found?.partition === partition && found.from === from && found.to === from + count
  }

  begins({ partition, from, count }: NextSlice): void {
    this.#slice = { partition, from, to: from + count, isAlone: this.#alone > 0 }
  }

  /** What is evaluated, or waits for its commit. */
  get slice(): BrokenSlice | undefined {
    return this.#slice
  }

  committed(): void {
    if (this.#slice !== undefined && this.#alone > 0) this.#alone--
    this.#slice = undefined
  }
}

/** The entry of records that no rule is shown: it moves the position, and no watermark. */
export function leaveOut(
  engine: Engine,
  partitions: PartitionTracker,
  records: {
    readonly partition: string
    readonly from: number
    readonly count: number
    readonly ruleset: string
  },
  at: { readonly nowMs: number; readonly no: number },
): CommitEntry {
  const { partition, from, count, ruleset } = records
  const matches = [holeOf(partition, from, { count, ruleset })]
  const entry = correlate(engine, partitions, { partition, from, matches }, { ...at, ruleset })
  const { body } = entry
  return body.kind === 'records' ? { ...entry, body: { ...body, isLeftOut: true } } : entry
}
