import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { Matches } from '../../model/matches.ts'
import type { PartitionState } from '../../model/partition.ts'
import type { Durable } from '../../model/slab.ts'
import { epochOfPartition, logOfPartition } from '../../model/slab.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { PartitionFeed } from './partition-feed.ts'
import type { PlacedSlab } from './partition-feed.ts'
import type { Rematch } from './rematch.ts'

/** Rows waiting for their turn: about 100 bytes each, so some 100 MB (I2). */
export const WAITING_ROWS_MAX = 1_000_000

/** Consecutive slabs of one partition, all matched by the active rule set. */
export interface NextSlice {
  readonly partition: string
  readonly from: number
  readonly count: number
  readonly matches: readonly Matches[]
}

/** Every partition's slabs in order, from memory or, where that is not possible, the journal. */
export class Feeds {
  readonly #feeds = new Map<string, PartitionFeed>()
  readonly #evaluated = new Map<string, number>()
  readonly #rematch: Rematch

  constructor(rematch: Rematch) {
    this.#rematch = rematch
  }

  /** What earlier processes wrote to the journal and nobody evaluated. */
  openBacklog(journal: JournalReader, states: readonly PartitionState[]): void {
    for (const { partition, next } of journal.partitions()) {
      const state = states.find(({ id }) => id === partition)
      if (!mayGrow(partition, state)) continue
      this.#feeds.set(partition, new PartitionFeed(state?.next ?? 0, next))
    }
  }

  /**
   * What a process that ours replaced went on writing until it found out: it was answered as
   * accepted, so it is ours to evaluate (I3). Own partitions, of this epoch, are told by message.
   */
  growBacklog(
    journal: JournalReader,
    epoch: number,
    isWanted: (partition: string) => boolean,
  ): void {
    for (const { partition, next } of journal.partitions()) {
      if (epochOfPartition(partition) < epoch && isWanted(partition)) {
        this.#feed(partition).grow(next)
      }
    }
  }

  durable(durable: Durable): void {
    this.#feed(durable.partition).durable(durable)
  }

  /**
   * Keeps the rows when there is room and `isUsable` says that their rule set is, or will be, the
   * active one; else the slab is matched again in its turn. Returns the rows that had no room.
   */
  matches(matches: Matches, isUsable: boolean): number {
    const hasRoom = this.rows + matches.rows.length <= WAITING_ROWS_MAX
    this.#feed(matches.partition).matches(matches, hasRoom && isUsable)
    return hasRoom ? 0 : matches.rows.length
  }

  refused(partition: string, name: string): void {
    this.#feed(partition).refused(name)
  }

  /** Rows held in memory. */
  get rows(): number {
    let rows = 0
    for (const feed of this.#feeds.values()) rows += feed.rows
    return rows
  }

  isCaughtUp(partition: string): boolean {
    return this.#feeds.get(partition)?.isCaughtUp ?? true
  }

  /** Records of the partition evaluated by this process, and those durable but not evaluated. */
  progress(partition: string): { readonly evaluated: number; readonly backlog: number } {
    const feed = this.#feeds.get(partition)
    const evaluated = this.#evaluated.get(partition) ?? 0
    return { evaluated, backlog: feed === undefined ? 0 : feed.durableTo - feed.next }
  }

  /** One slice per partition that has something ready, about `budget` records in all. */
  *take(budget: number, rules: LoadedRules): Generator<NextSlice> {
    let left = budget
    for (const [partition, feed] of Array.from(this.#feeds)) {
      if (left <= 0) return
      // Behind the others for the next commit: a busy partition must not starve a quiet one.
      this.#feeds.delete(partition)
      this.#feeds.set(partition, feed)
      const from = feed.next
      const matches = this.#current(
        partition,
        { feed, slabs: feed.take(left), budget: left },
        rules,
      )
      if (matches.length === 0) continue
      const count = matches.reduce((sum, slab) => sum + slab.count, 0)
      this.#evaluated.set(partition, (this.#evaluated.get(partition) ?? 0) + count)
      left -= count
      yield { partition, from, count, matches }
    }
  }

  /** Matches as the active rule set has them: those in memory, or read again. */
  #current(
    partition: string,
    taken: {
      readonly feed: PartitionFeed
      readonly slabs: readonly PlacedSlab[]
      readonly budget: number
    },
    rules: LoadedRules,
  ): readonly Matches[] {
    const { feed, slabs, budget } = taken
    const found: Matches[] = []
    for (const slab of slabs) {
      if (slab.matches?.ruleset === rules.hash) {
        found.push(slab.matches)
        continue
      }
      const isBacklog = slab.count === 0
      const to = isBacklog ? feed.durableTo : slab.from + slab.count
      const read = this.#rematch.read(
        partition,
        { from: slab.from, to, budget: isBacklog ? Math.min(budget, BACKLOG_RECORDS) : slab.count },
        (input) => ({ matcher: rules.matcher(input), ruleset: rules.hash }),
      )
      if (isBacklog) feed.next += read.reduce((sum, { count }) => sum + count, 0)
      found.push(...read)
    }
    return found
  }

  #feed(partition: string): PartitionFeed {
    let feed = this.#feeds.get(partition)
    if (feed === undefined) {
      feed = new PartitionFeed(0)
      this.#feeds.set(partition, feed)
    }
    return feed
  }
}

/**
 * Whether records that a former process writes to a partition are still to be evaluated. Of what
 * was read from a log, only as long as an owner of the shard has it open (`log-openings.ts`).
 */
export function mayGrow(partition: string, state: PartitionState | undefined): boolean {
  if (logOfPartition(partition) === undefined) return true
  return state !== undefined && state.progress !== 'retired'
}

/** Records of a former process that one commit takes. */
const BACKLOG_RECORDS = 5_000
