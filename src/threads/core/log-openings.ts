/**
 * Takes logs with offsets of their own (Kafka partitions) into the input log, so that every record
 * is evaluated once whoever else still reads them:
 *
 *   1. A log is opened by a `clock` entry before its first record is kept. It names the offset to
 *      go on at: the one behind the last record that was *evaluated* (or, for a log that nobody
 *      has read, where its input says).
 *   2. The same entry retires every other partition of the input, once they are read to the end.
 *      Nothing that a fenced writer adds to one afterwards is evaluated: its log still has it, and
 *      it was read, or will be, under the new partition.
 *   3. So a partition with a log that the core does not know was never opened by an owner of the
 *      shard, and is not evaluated either.
 */
import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { PartitionState } from '../../model/partition.ts'
import { inputOfPartition, logOfPartition, partitionId } from '../../model/slab.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { LogsFound, LogsOpened } from '../messages.ts'
import type { Feeds } from './feeds.ts'
import type { Hole } from './gaps.ts'
import { planLogs } from './log-plan.ts'
import type { ClockStates } from './partition-clock.ts'

/** What one opening changes, and what the intake that asked is told once that is committed. */
export interface Opening {
  readonly states: ClockStates
  readonly gaps: readonly Hole[]
  readonly answer: LogsOpened
  readonly thread: number
}

export class LogOpenings {
  readonly #feeds: Feeds
  readonly #partitions: PartitionTracker
  readonly #journal: JournalReader
  /** By input: a later request takes the place of an earlier one. */
  readonly #waiting = new Map<string, LogsFound>()
  readonly #threads = new Map<string, number>()

  constructor(parts: {
    readonly feeds: Feeds
    readonly partitions: PartitionTracker
    readonly journal: JournalReader
  }) {
    this.#feeds = parts.feeds
    this.#partitions = parts.partitions
    this.#journal = parts.journal
  }

  add(found: LogsFound): void {
    this.#threads.set(found.input, found.thread)
    this.#waiting.set(found.input, found)
  }

  /** The intake thread that opened the partition's logs last; `undefined` before it did. */
  threadOf(partition: string): number | undefined {
    return this.#threads.get(inputOfPartition(partition))
  }

  /** Those whose earlier records are all evaluated now. */
  take(epoch: number): Opening[] {
    const openings: Opening[] = []
    for (const [input, found] of this.#waiting) {
      const states = this.#open(input)
      if (!this.#isReadToTheEnd(states, epoch)) continue
      this.#waiting.delete(input)
      openings.push(openingOf(found, states, epoch))
    }
    return openings
  }

  /** Partitions of the input's logs that are not retired. */
  #open(input: string): PartitionState[] {
    return this.#partitions
      .states()
      .filter((state) => state.input === input && logOfPartition(state.id) !== undefined)
  }

  #isReadToTheEnd(states: readonly PartitionState[], epoch: number): boolean {
    const open = states.filter(({ progress }) => progress !== 'retired').map(({ id }) => id)
    const isCaughtUp = (): boolean => open.every((id) => this.#feeds.isCaughtUp(id))
    if (!isCaughtUp()) return false
    // A former owner may have written on since we looked last.
    this.#feeds.growBacklog(this.#journal, epoch, (id) => open.includes(id))
    return isCaughtUp()
  }
}

function openingOf(
  { input, request, thread, logs }: LogsFound,
  states: readonly PartitionState[],
  epoch: number,
): Opening {
  const { plans, gaps: lost } = planLogs(logs, states)
  const id = (log: string): string => partitionId(input, epoch, log)
  const opened = plans.map(({ log, offset }) => {
    return { id: id(log), link: 'up', progress: 'caught_up', offset } as const
  })
  const isOpened = new Set(opened.map((each) => each.id))
  const retired = states
    .filter((state) => state.progress !== 'retired' && !isOpened.has(state.id))
    .map((state) => ({ id: state.id, link: state.link, progress: 'retired' }) as const)
  const gaps = lost.map(({ log, ...gap }) => ({ partition: id(log), ...gap }))
  const offsets = Object.fromEntries(plans.map(({ log, offset }) => [log, offset]))
  const answer: LogsOpened = { kind: 'logs-opened', input, request, offsets }
  return { states: [...retired, ...opened], gaps, answer, thread }
}
