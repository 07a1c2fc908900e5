import type { GroupKey } from '../../model/group.ts'
import { PartitionIndex, readPartitions } from './partition-index.ts'
import type { RecordNames } from './record-names.ts'
import type { Arrival } from './rule-windows.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/** How long no match of a group must be refused before what was refused is read back (§4.2). */
export const REFUSED_QUIET_MS = 60_000
/** Groups of one bucket: 131,072 of a rule, about 25 MB. Those that are noted keep their place. */
export const REFUSED_GROUPS_MAX = 512
/** Partitions of one group; matches of others are read back with it, but not counted as late. */
export const REFUSED_PARTITIONS_MAX = 32
/** Of one partition and group; it takes an input that falls silent over and over to need more. */
const BELOW_MAX = 32
/** Groups of one bucket that one entry hands over. */
const RELEASED_AT_ONCE = 16

/** Where in one partition a group's matches were refused, so that they are told from the others. */
export interface RefusedMark {
  readonly partition: number
  readonly first: number
  last: number
  /** Witnessed watermark at `first`; with the records behind it, that of every later position. */
  readonly witnessedMs: number
  /** Whatever was witnessed, the rule had gone on, or was edited. */
  readonly below: RefusedBelow[]
}

/** From position `from` on, matches before `ms` were refused. */
export interface RefusedBelow {
  readonly from: number
  readonly ms: number
}

/** What of one group was refused since it was last handed over. */
export interface RefusedGroup {
  readonly key: GroupKey
  /** Event time of the earliest and the latest of them. */
  fromMs: number
  toMs: number
  /** `now_ms` of the entry with the latest refusal. */
  lastNowMs: number
  readonly marks: RefusedMark[]
}

/**
 * The refused matches of one bucket's groups as intervals of event time (design §4.2): bucket
 * state, and what is handed over follows from the bucket's own entries alone.
 */
export class RefusedGroups {
  readonly #names: RecordNames
  readonly #groups = new Map<GroupKey, RefusedGroup>()
  /** At most the earliest `now_ms` at which a group was quiet for long enough. */
  #dueMs = Infinity
  /** At most the earliest `toMs`. */
  #leastToMs = Infinity

  constructor(names: RecordNames) {
    this.#names = names
  }

  get size(): number {
    return this.#groups.size
  }

  /** Before this `now_ms` {@link release} has nothing. */
  get dueMs(): number {
    return this.#dueMs
  }

  /** Notes a match that was not admitted; `false` when there is no room for its group. */
  add(arrival: Arrival, at: { readonly nowMs: number; readonly belowMs: number }): boolean {
    const { group: key, timeMs } = arrival
    let group = this.#groups.get(key)
    if (group === undefined) {
      if (this.#groups.size >= REFUSED_GROUPS_MAX) return false
      group = { key, fromMs: timeMs, toMs: timeMs, lastNowMs: at.nowMs, marks: [] }
      this.#groups.set(key, group)
    }
    group.fromMs = Math.min(group.fromMs, timeMs)
    group.toMs = Math.max(group.toMs, timeMs)
    group.lastNowMs = Math.max(group.lastNowMs, at.nowMs)
    mark(group.marks, arrival, at.belowMs)
    this.#bound(group)
    return true
  }

  /** Takes groups that were quiet for long enough and lie wholly before `settledMs`, a bounded lot. */
  release(nowMs: number, settledMs: number): RefusedGroup[] {
    if (this.#dueMs > nowMs || this.#leastToMs >= settledMs) return []
    const due = [...this.#groups.values()]
      .filter(({ lastNowMs, toMs }) => lastNowMs + REFUSED_QUIET_MS <= nowMs && toMs < settledMs)
      .sort((a, b) => a.lastNowMs - b.lastNowMs || (a.key < b.key ? -1 : 1))
      .slice(0, RELEASED_AT_ONCE)
    for (const { key } of due) this.#groups.delete(key)
    this.#dueMs = Infinity
    this.#leastToMs = Infinity
    for (const group of this.#groups.values()) this.#bound(group)
    return due
  }

  write(to: StateWriter): void {
    const groups = [...this.#groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    const index = new PartitionIndex(this.#names)
    for (const { marks } of groups) for (const { partition } of marks) index.use(partition)
    index.write(to)
    to.u32(groups.length)
    for (const { key, fromMs, toMs, lastNowMs, marks } of groups) {
      to.text(key)
      to.f64(fromMs)
      to.f64(toMs)
      to.f64(lastNowMs)
      to.u32(marks.length)
      const placed = marks.map((one) => ({ ...one, place: index.placeOf(one.partition) }))
      for (const one of placed.sort((a, b) => a.place - b.place)) {
        to.u16(one.place)
        to.f64(one.first)
        to.f64(one.last)
        to.f64(one.witnessedMs)
        to.u32(one.below.length)
        for (const { from, ms } of one.below) {
          to.f64(from)
          to.f64(ms)
        }
      }
    }
  }

  read(from: StateReader): void {
    const partitions = readPartitions(from, this.#names)
    for (let left = from.u32(); left > 0; left--) {
      const key = from.text()
      const [fromMs, toMs, lastNowMs] = [from.f64(), from.f64(), from.f64()]
      const marks = Array.from({ length: from.u32() }, (): RefusedMark => ({
        partition: partitions[from.u16()]!,
        first: from.f64(),
        last: from.f64(),
        witnessedMs: from.f64(),
        below: Array.from({ length: from.u32() }, () => ({ from: from.f64(), ms: from.f64() })),
      }))
      const group = { key, fromMs, toMs, lastNowMs, marks }
      this.#groups.set(key, group)
      this.#bound(group)
    }
  }

  #bound({ lastNowMs, toMs }: RefusedGroup): void {
    this.#dueMs = Math.min(this.#dueMs, lastNowMs + REFUSED_QUIET_MS)
    this.#leastToMs = Math.min(this.#leastToMs, toMs)
  }
}

function mark(marks: RefusedMark[], arrival: Arrival, belowMs: number): void {
  const { partition, position, witnessedMs } = arrival
  let found = marks.find((one) => one.partition === partition)
  if (found === undefined) {
    if (marks.length >= REFUSED_PARTITIONS_MAX) return
    found = { partition, first: position, last: position, witnessedMs, below: [] }
    marks.push(found)
  }
  found.last = position
  noteBelow(found.below, arrival, belowMs)
}

/** What the rule had passed never falls, so only a match that was not yet below it says more. */
function noteBelow(below: RefusedBelow[], { position, timeMs }: Arrival, ms: number): void {
  if (ms === -Infinity || timeMs < (below.at(-1)?.ms ?? -Infinity)) return
  if (below.length < BELOW_MAX) below.push({ from: position, ms })
}
