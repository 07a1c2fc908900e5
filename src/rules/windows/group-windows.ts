import type { GroupKey } from '../../model/group.ts'
import { BucketGroups } from './bucket-groups.ts'
import { Episodes } from './episodes.ts'
import type { EpisodeHolder } from './episodes.ts'
import { GroupHash } from './group-hash.ts'
import { ADVANCED_AT_ONCE, EPISODE_BYTES, evictedAtOnce, GROUP_BYTES } from './limits.ts'
import type { OpenEpisode } from './open-episode.ts'
import { PartitionIndex, readPartitions } from './partition-index.ts'
import type { Arrival, RuleWindows, WindowOptions } from './rule-windows.ts'
import { readEpisodes, usePartitions, writeEpisodes } from './saved-episode.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/** What few groups have beside their records. */
export interface GroupExtra extends EpisodeHolder {
  /** Records up to here may be missing: its own past had to make room. */
  cappedMs: number
  /** Records before this time were trimmed: values of windows that reach back to it are low. */
  trimmedMs: number
}

const NO_EPISODES: readonly OpenEpisode[] = []

/**
 * What all rule types do with the groups of a bucket: making and finding them, caps, episodes,
 * deadlines, saving. The type says what it keeps of a group besides, if anything.
 */
export abstract class GroupWindows implements RuleWindows {
  protected options: WindowOptions
  protected episodes: Episodes
  protected readonly table: BucketGroups
  readonly #extras = new Map<number, GroupExtra>()
  /** Events up to here may have belonged to a group that had to make room. */
  #cappedMs = -Infinity
  #bytes = 0

  constructor(options: WindowOptions) {
    this.options = options
    this.episodes = new Episodes(options.rule, options.context)
    this.table = new BucketGroups(options.context.groups)
  }

  get groups(): number {
    return this.table.size
  }

  get openEpisodes(): number {
    return this.episodes.openCount
  }

  get isTrimmed(): boolean {
    return [...this.#extras.values()].some(({ trimmedMs }) => trimmedMs > -Infinity)
  }

  get nextDueMs(): number {
    return this.table.nextDueMs
  }

  abstract add(arrival: Arrival): void

  advance(): void {
    const { watermarkMs } = this.options.clock
    for (let left = ADVANCED_AT_ONCE; left > 0 && this.table.nextDueMs < watermarkMs; left--) {
      const id = this.table.next
      const extra = this.extra(id)
      if (extra !== undefined) this.episodes.pass(extra, watermarkMs)
      this.forget(id)
      if (this.hasRecords(id) || this.episodesOf(id).length > 0) this.schedule(id)
      else this.#delete(id)
    }
  }

  close(cause: 'edit' | 'rule_removed'): void {
    for (const id of Array.from(this.table.ids)) {
      const extra = this.extra(id)
      const at = { watermarkMs: this.options.clock.watermarkMs, cause }
      if (extra !== undefined) this.episodes.close(extra, at)
      this.dropRecords(id, 'below')
      this.#delete(id)
    }
  }

  adopt(options: WindowOptions, ask: boolean): boolean {
    this.options = options
    this.episodes = new Episodes(options.rule, options.context)
    for (const extra of this.#extras.values()) this.episodes.adopt(extra)
    const hasFired = this.readRule(ask)
    for (const id of Array.from(this.table.ids)) this.schedule(id)
    return hasFired
  }

  write(to: StateWriter): void {
    const isCapped = this.#isCapped()
    if (this.table.size === 0 && !isCapped) return
    const { names, groups: store } = this.options.context
    const ids = [...this.table.ids].sort((a, b) => store.compare(a, b))
    const index = new PartitionIndex(names)
    for (const id of ids) {
      this.usePartitions(id, index)
      usePartitions(this.episodesOf(id), index)
    }
    to.f64(isCapped ? this.#cappedMs : -Infinity)
    index.write(to)
    to.u32(ids.length)
    for (const id of ids) {
      const extra = this.extra(id)
      store.writeKey(id, to)
      to.f64(extra?.cappedMs ?? -Infinity)
      to.f64(extra?.trimmedMs ?? -Infinity)
      this.writeRecords(id, to, index)
      writeEpisodes(this.episodesOf(id), to, index)
    }
  }

  read(from: StateReader): void {
    const { rule, context } = this.options
    const hash = new GroupHash()
    this.#cappedMs = from.f64()
    const partitions = readPartitions(from, context.names)
    for (let left = from.u32(); left > 0; left--) {
      const key = from.text()
      const id = this.#newGroup(hash.take(key))
      const [cappedMs, trimmedMs] = [from.f64(), from.f64()]
      this.readRecords(id, from, partitions)
      const episodes = readEpisodes(from, { rule, groupKey: key }, partitions)
      if (episodes.length > 0 || cappedMs > -Infinity || trimmedMs > -Infinity) {
        const extra = { key, episodes, cappedMs, trimmedMs }
        this.#extras.set(id, extra)
        context.groups.setExtra(id, true)
        this.episodes.adopt(extra)
      }
      this.schedule(id)
    }
  }

  /** Takes the rule's numbers; with `ask`, another threshold is asked of what is kept. */
  protected abstract readRule(ask: boolean): boolean
  protected abstract hasRecords(id: number): boolean
  /** Lets go of records that the watermark has passed. */
  protected abstract forget(id: number): void
  /** Every record is counted and gone. */
  protected abstract dropRecords(id: number, uncovered: 'below' | 'cap'): void
  /** Of its kept records; of its episodes when there are none. */
  protected abstract latestMs(id: number): number
  /** When its records must be looked at; Infinity when there are none. */
  protected abstract recordsDueMs(id: number): number
  protected abstract usePartitions(id: number, index: PartitionIndex): void
  protected abstract writeRecords(id: number, to: StateWriter, index: PartitionIndex): void
  protected abstract readRecords(id: number, from: StateReader, partitions: readonly number[]): void
  /** How far back records decide what a firing's episode tells. */
  protected abstract get reachMs(): number

  /** -1 when there is no room and the rule refuses new groups. */
  protected groupOf(arrival: Arrival): number {
    const { group: key, hash, timeMs } = arrival
    const found = this.table.find(hash)
    if (found >= 0) return found
    const { limits, ledger, onCap } = this.options
    if (this.table.size >= limits.groups) this.#reclaim()
    const isNumberless = this.options.context.groups.isFull
    const isFull =
      isNumberless || this.table.size >= limits.groups || this.accounted() >= limits.bytes
    const cannotEvict = limits.overflow === 'refuse_new' || (isNumberless && this.table.size === 0)
    if (isFull && cannotEvict) {
      onCap()
      ledger.count('cap', timeMs)
      this.#cappedMs = Math.max(this.#cappedMs, timeMs)
      return -1
    }
    if (isFull) this.evictOldest(evictedAtOnce(limits.groups))
    const id = this.#newGroup(hash)
    if (this.#isCapped()) this.ensureExtra(id, key).cappedMs = this.#cappedMs
    return id
  }

  protected schedule(id: number): void {
    const extra = this.extra(id)
    const recordsMs = this.recordsDueMs(id)
    this.table.schedule(
      id,
      extra === undefined ? recordsMs : Math.min(recordsMs, this.episodes.dueMs(extra)),
    )
  }

  protected extra(id: number): GroupExtra | undefined {
    return this.options.context.groups.hasExtra(id) ? this.#extras.get(id) : undefined
  }

  protected ensureExtra(id: number, key?: GroupKey): GroupExtra {
    const found = this.extra(id)
    if (found !== undefined) return found
    const { groups } = this.options.context
    const extra: GroupExtra = {
      key: key ?? groups.key(id),
      episodes: [],
      cappedMs: -Infinity,
      trimmedMs: -Infinity,
    }
    this.#extras.set(id, extra)
    groups.setExtra(id, true)
    return extra
  }

  protected episodesOf(id: number): readonly OpenEpisode[] {
    return this.extra(id)?.episodes ?? NO_EPISODES
  }

  /** Bytes of the bucket, by the figures of `limits.ts`. */
  protected accounted(): number {
    return this.#bytes + EPISODE_BYTES * this.episodes.openCount
  }

  protected account(bytes: number): void {
    this.#bytes += bytes
  }

  /** Those without an episode first, then by their latest record (I2). */
  protected evictOldest(count: number, except = -1): void {
    const { groups: store } = this.options.context
    const byAge = this.table.ids
      .filter((id) => id !== except)
      .map((id) => ({
        id,
        isBusy: this.episodesOf(id).length > 0,
        latestMs: this.latestMs(id),
      }))
      .sort(
        (a, b) =>
          Number(a.isBusy) - Number(b.isBusy) ||
          a.latestMs - b.latestMs ||
          store.compare(a.id, b.id),
      )
    for (const { id, latestMs } of byAge.slice(0, count)) {
      this.options.onCap()
      this.#cappedMs = Math.max(this.#cappedMs, latestMs)
      const extra = this.extra(id)
      const at = { watermarkMs: this.options.clock.watermarkMs }
      if (extra !== undefined) this.episodes.close(extra, at, 'capped')
      this.dropRecords(id, 'cap')
      this.#delete(id)
    }
  }

  /** What is due but had to wait goes before anything that is not; episodes end in `advance`. */
  #reclaim(): void {
    const { watermarkMs } = this.options.clock
    for (let left = ADVANCED_AT_ONCE; left > 0 && this.table.nextDueMs < watermarkMs; left--) {
      const id = this.table.next
      if (this.episodesOf(id).length > 0) return
      this.forget(id)
      if (this.hasRecords(id)) this.schedule(id)
      else this.#delete(id)
    }
  }

  /** Whether what had to make room can still be missed. */
  #isCapped(): boolean {
    const { rule, clock } = this.options
    return this.#cappedMs >= clock.watermarkMs - rule.lateByMs - this.reachMs
  }

  #newGroup(hash: GroupHash): number {
    this.#bytes += GROUP_BYTES + hash.length
    return this.table.add(hash)
  }

  #delete(id: number): void {
    const { groups } = this.options.context
    if (groups.hasExtra(id)) this.#extras.delete(id)
    this.#bytes -= GROUP_BYTES + groups.keyLength(id)
    this.table.delete(id)
  }
}
