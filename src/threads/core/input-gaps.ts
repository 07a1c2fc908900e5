import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { CommitEntry, Gap, ListeningGap } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import type { LinkChange, PartitionState } from '../../model/partition.ts'
import { inputOfPartition } from '../../model/slab.ts'
import type { OpenedInput } from '../messages.ts'
import { toldAtOnce } from './system-episode.ts'

/** Rule id of the incidents that say that nobody listened; see `GAP_RULE_ID`. */
export const DOWN_RULE_ID = 'tocsin:down'

/** What such an incident says of itself. */
export const DOWN_RULE: RuleInfo = {
  title: 'Tocsin was down',
  labels: {},
  annotations: {
    summary:
      'No input listened for {{ value }} seconds: what senders did not keep for that long is lost',
  },
  threshold: null,
  window: null,
  graylogUrl: null,
}

/** Shorter is a hand-over, or a sender that connects anew. */
const SHORTEST_MS = 1_000

interface Disconnected {
  readonly fromMs: number
  /** Its gap is written down, without an end. */
  isWritten: boolean
}

/**
 * Times in which nothing could come through an input (design §4.2): nobody listened between two
 * processes, or no sender is connected. Not the engine's effects, and one entry per input (I2).
 */
export class InputGaps {
  readonly #disconnected = new Map<string, Disconnected>()
  #gaps: ListeningGap[] = []
  /** Inputs that listened before this process, and those of them that had records. */
  readonly #former = new Set<string>()
  readonly #hadRecords = new Set<string>()
  #formerMs: number | null = null
  /** When nobody listened, for the incident; `undefined` when it is told, or not to be. */
  #down: { readonly fromMs: number; readonly toMs: number } | undefined
  #isDownTold = false
  #hasListened = false
  /** Partitions that are known to have a sender: one may come before all inputs listen. */
  readonly #connected = new Set<string>()
  #hungUpMs: number | undefined
  #isHangUpNew = false

  /** What the former owner left. */
  restore(listenedMs: number | null, partitions: readonly PartitionState[]): void {
    this.#formerMs = listenedMs
    for (const { input, maxReceivedMs } of partitions) {
      this.#former.add(input)
      if (maxReceivedMs !== null) this.#hadRecords.add(input)
    }
  }

  /**
   * Inputs of one intake thread listen. `silentAfterMs`: so long without anybody listening is an
   * incident, one for all inputs; `undefined`: never.
   */
  listens(
    inputs: readonly OpenedInput[],
    atMs: number,
    silentAfterMs: (input: string) => number | undefined,
  ): void {
    const fromMs = this.#formerMs
    let leastMs = Infinity
    for (const { partition, hasConnections } of inputs) {
      const input = inputOfPartition(partition)
      if (hasConnections && this.#hadRecords.has(input) && !this.#connected.has(partition)) {
        this.#disconnected.set(partition, { fromMs: atMs, isWritten: false })
      }
      if (fromMs === null || atMs - fromMs < SHORTEST_MS || !this.#former.has(input)) continue
      this.#gaps.push({ reason: 'down', partition, at: 0, fromMs, toMs: atMs })
      leastMs = Math.min(leastMs, silentAfterMs(input) ?? Infinity)
    }
    if (fromMs !== null && atMs - fromMs >= leastMs && !this.#isDownTold) {
      this.#down = { fromMs, toMs: atMs }
      this.#isDownTold = true
    }
    this.#hasListened = true
  }

  link({ partition, link, atMs }: LinkChange): void {
    const open = this.#disconnected.get(partition)
    if (link === 'down') {
      this.#connected.delete(partition)
      if (open === undefined) this.#disconnected.set(partition, { fromMs: atMs, isWritten: false })
      return
    }
    this.#connected.add(partition)
    this.#disconnected.delete(partition)
    if (open === undefined) return
    const { fromMs, isWritten } = open
    if (!isWritten && atMs - fromMs < SHORTEST_MS) return
    const toMs = Math.max(fromMs, atMs)
    this.#gaps.push({ reason: 'disconnected', partition, at: 0, fromMs, toMs })
  }

  hungUp(atMs: number): void {
    this.#hungUpMs = atMs
    this.#isHangUpNew = true
  }

  /** Whether the end is still to be written down, which an entry of any kind does. */
  takeHangUp(): boolean {
    const isNew = this.#isHangUpNew
    this.#isHangUpNew = false
    return isNew
  }

  /** When the inputs are known to have listened last, seen from an entry with `nowMs`. */
  listenedMs(nowMs: number): number | undefined {
    return this.#hungUpMs ?? (this.#hasListened ? nowMs : undefined)
  }

  /** Since when no sender is connected to an input, ms UTC; `null` when one is. */
  disconnectedSinceMs(partition: string): number | null {
    return this.#disconnected.get(partition)?.fromMs ?? null
  }

  /** What is to be written down now; a gap that has just begun waits, as it may be a short one. */
  take(nowMs: number): readonly ListeningGap[] {
    const gaps = this.#gaps
    this.#gaps = []
    for (const [partition, open] of this.#disconnected) {
      if (open.isWritten || nowMs - open.fromMs < SHORTEST_MS) continue
      open.isWritten = true
      gaps.push({ reason: 'disconnected', partition, at: 0, fromMs: open.fromMs, toMs: null })
    }
    return gaps
  }

  /** Adds gaps that were taken to an entry, and the incident about the time without anybody. */
  writeTo(
    entry: CommitEntry,
    taken: readonly ListeningGap[],
    stateOf: (partition: string) => PartitionState | undefined,
  ): CommitEntry {
    const gaps = taken.map((gap): Gap => ({ ...gap, at: stateOf(gap.partition)?.next ?? 0 }))
    const told = this.#down === undefined ? [] : changesOf(this.#down)
    this.#down = undefined
    const { effects } = entry
    return {
      ...entry,
      gaps: [...(entry.gaps ?? []), ...gaps],
      effects: { ...effects, episodes: [...effects.episodes, ...told] },
    }
  }
}

function changesOf(down: { readonly fromMs: number; readonly toMs: number }): EpisodeChange[] {
  const { fromMs, toMs } = down
  const name = [String(fromMs), String(toMs)]
  const value = Math.round((toMs - fromMs) / 1_000)
  const when = { startMs: fromMs, endMs: toMs }
  return toldAtOnce({ ruleId: DOWN_RULE_ID, name, group: {}, ...when, value, matches: 1 }, toMs)
}
