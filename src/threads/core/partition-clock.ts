import type { LogBody } from '../../model/commit.ts'
import { partitionId } from '../../model/slab.ts'
import type { Engine } from '../../rules/engine.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { Feeds } from './feeds.ts'
import type { InputLinks } from './input-links.ts'

/** A `clock` entry at least this often, so that a replay knows how time passed. */
const CLOCK_ENTRY_MS = 60_000

export type ClockStates = (LogBody & { readonly kind: 'clock' })['partitions']

/** Decides when the core writes a `clock` entry, and what it says (design §4.1). */
export class PartitionClock {
  readonly #partitions: PartitionTracker
  readonly #feeds: Feeds
  readonly #links: InputLinks
  #epoch = 0
  #lastEntryMs = 0

  constructor(partitions: PartitionTracker, feeds: Feeds, links: InputLinks) {
    this.#partitions = partitions
    this.#feeds = feeds
    this.#links = links
  }

  /** This epoch's partitions of sockets, which the first entry after a start opens. */
  openings(epoch: number, inputs: readonly string[]): ClockStates {
    this.#epoch = epoch
    return inputs.map((input) => {
      const id = partitionId(input, epoch)
      return { id, link: 'up', progress: 'caught_up' }
    })
  }

  /**
   * Asked about once a second: states that changed, the minute's entry, and a second's while a
   * timer waits for an idle partition. `undefined` when there is nothing to write.
   */
  due(nowMs: number, engine: Engine): ClockStates | undefined {
    const isCaughtUp = (id: string): boolean =>
      this.#feeds.isCaughtUp(id) && !this.#links.isBehind(id, nowMs)
    const body = this.#partitions.due(nowMs, isCaughtUp, (id) => this.#links.of(id))
    const changes = body?.kind === 'clock' ? body.partitions : []
    const retired = this.#readToTheEnd().filter(({ id }) => !changes.some((c) => c.id === id))
    const isMinute = nowMs - this.#lastEntryMs >= CLOCK_ENTRY_MS
    const isWaiting = !engine.isQuiet() && this.#hasIdle()
    if (changes.length + retired.length === 0 && !isMinute && !isWaiting) return undefined
    return [...changes, ...retired]
  }

  written(nowMs: number): void {
    this.#lastEntryMs = nowMs
  }

  /**
   * Partitions of former epochs with nothing left: they count in no watermark from now on. Those
   * of logs are retired when the input opens its logs again, and hold its watermark until then.
   */
  #readToTheEnd(): ClockStates {
    return this.#partitions
      .states()
      .filter(({ epoch, progress }) => epoch < this.#epoch && progress !== 'retired')
      .filter(({ id }) => this.#feeds.isCaughtUp(id) && !this.#links.willOpen(id))
      .map(({ id, link }) => ({ id, link, progress: 'retired' }))
  }

  #hasIdle(): boolean {
    return this.#partitions.states().some(({ progress }) => progress === 'idle')
  }
}
