import type { Slab } from '../../model/slab.ts'
import type { BatchPlace } from './batch-codec.ts'

/** A partition's next position, and the last segment that holds something of it. */
export interface Head {
  readonly next: number
  readonly segment: number
}

export type Heads = ReadonlyMap<string, Head>

/**
 * Partitions remembered from segment to segment. Every start of the service makes new ones (an
 * input and an epoch); past this many, those are forgotten that were not written for longest.
 */
const HEADS_MAX = 4_096

/**
 * Added to positions that come from before a damaged segment: it may hold more of the partition
 * than can be known, and a position must never be given twice. The hole is seen as a gap.
 */
export const POSITION_SKIP = 2 ** 32

/**
 * The next position of every partition. Positions are given out by {@link place} and count only
 * once {@link taken} says that the commit returned.
 */
export class Positions {
  readonly #heads = new Map<string, Head>()
  /** Partitions placed by this writer: what it remembers of them holds against any file. */
  readonly #own = new Set<string>()

  /** Takes over what a segment says of the partitions that this writer did not write itself. */
  adopt(heads: Heads, { isAfterDamage }: { readonly isAfterDamage: boolean }): void {
    const skip = isAfterDamage ? POSITION_SKIP : 0
    for (const [partition, { next, segment }] of heads) {
      if (!this.#own.has(partition)) this.#heads.set(partition, { next: next + skip, segment })
    }
  }

  /** Places for slabs to be appended in this order. */
  place(
    slabs: readonly Pick<Slab, 'partition' | 'offsets' | 'receivedMs'>[],
    segment: number,
  ): BatchPlace[] {
    const next = new Map<string, number>()
    return slabs.map(({ partition, offsets, receivedMs }) => {
      if (!this.#own.has(partition)) {
        this.#own.add(partition)
        if (!this.#heads.has(partition)) this.#heads.set(partition, { next: 0, segment })
      }
      const first = next.get(partition) ?? this.#heads.get(partition)!.next
      const count = offsets.length - 1
      next.set(partition, first + count)
      return { partition, first, count, receivedMs }
    })
  }

  /** The places are on disk, in this segment. */
  taken(places: readonly BatchPlace[], segment: number): void {
    for (const { partition, first, count } of places) {
      this.#heads.set(partition, { next: first + count, segment })
    }
  }

  /** What the next segment starts with. */
  heads(): Heads {
    if (this.#heads.size <= HEADS_MAX) return this.#heads
    const foreign = [...this.#heads].filter(([partition]) => !this.#own.has(partition))
    foreign.sort(([, a], [, b]) => a.segment - b.segment)
    for (const [partition] of foreign.slice(0, this.#heads.size - HEADS_MAX)) {
      this.#heads.delete(partition)
    }
    return this.#heads
  }
}
