/**
 * Rule type `threshold`: at least N matches of one group in (t − within, t]. Adding an event takes
 * nothing out of any window, so what fires early stays true and late events only add firings
 * (design §4.2, §4.3).
 *
 *   1. An event at t raises the count of every kept event at or after it in the rule's order
 *      with a time below t + within; each with a count of at least N is a firing.
 *   2. A firing claims the events of its window back to the firing before it: their first firing
 *      at or after them decides the episode that counts them (I9).
 *   3. Admitted events are never older than the watermark − late_by, so what lies a window
 *      before that can change nothing and is forgotten when the watermark passes it.
 */
import type { GroupKey } from '../../../src/model/group.ts'
import type { Rule } from '../../../src/rules/rule.ts'
import { Episodes } from '../../../src/rules/windows/episodes.ts'
import type { Firing } from '../../../src/rules/windows/episodes.ts'
import { GroupHash } from '../../../src/rules/windows/group-hash.ts'
import { Horizon } from '../../../src/rules/windows/horizon.ts'
import { byHash, firstDue } from './first-due.ts'
import { PlainWindow } from './plain-window.ts'
import {
  ENTRY_BYTES,
  EPISODE_BYTES,
  evictedAtOnce,
  GROUP_BYTES,
} from '../../../src/rules/windows/limits.ts'
import type { Mark, OpenEpisode } from '../../../src/rules/windows/open-episode.ts'
import { PartitionIndex, readPartitions } from '../../../src/rules/windows/partition-index.ts'
import type {
  Arrival,
  RuleWindows,
  WindowOptions,
} from '../../../src/rules/windows/rule-windows.ts'
import {
  readEpisodes,
  usePartitions,
  writeEpisodes,
} from '../../../src/rules/windows/saved-episode.ts'
import type { StateReader, StateWriter } from '../../../src/rules/windows/state-bytes.ts'

/** Kept per group exactly; beyond, only what can still decide a firing (design §4.4). */
const EXACT_ENTRIES = 4_096
/** Dropped together, so that looking for the horizon costs nothing per event. */
const TRIM_STEP = 512

interface ThresholdGroup {
  readonly key: GroupKey
  readonly window: PlainWindow
  readonly episodes: OpenEpisode[]
  /** Records up to here may be missing: its own past had to make room. */
  cappedMs: number
  /** Records before this time were trimmed: values of windows that reach back to it are low. */
  trimmedMs: number
}

type ThresholdRule = Rule & { readonly detector: { readonly kind: 'threshold' } }

export class PlainThreshold implements RuleWindows {
  readonly #firing: Mark & { -readonly [K in keyof Firing]: Firing[K] }
  readonly #earliest: Mark
  readonly #groups = new Map<GroupKey, ThresholdGroup>()
  #options: WindowOptions
  #atLeast = 0
  #withinMs = 0
  /** Records that decide a firing or a step of `escalate`, the firing itself left out. */
  #decisive = 0
  #episodes: Episodes
  #horizon = new Horizon({ lateByMs: 0 }, 0)
  /** Events up to here may have belonged to a group that had to make room. */
  #cappedMs = -Infinity
  #bytes = 0

  constructor(options: WindowOptions) {
    this.#options = options
    this.#episodes = new Episodes(options.rule, options.context)
    this.#readRule()
    this.#earliest = { timeMs: 0, hashHigh: 0, hashLow: 0, partition: 0, position: 0 }
    this.#firing = {
      ...this.#earliest,
      value: 0,
      isNew: false,
      earliestPartition: 0,
      earliestPosition: 0,
    }
  }

  get groups(): number {
    return this.#groups.size
  }

  get openEpisodes(): number {
    return this.#episodes.openCount
  }

  get isTrimmed(): boolean {
    return [...this.#groups.values()].some(({ trimmedMs }) => trimmedMs > -Infinity)
  }

  get nextDueMs(): number {
    return Math.min(Infinity, ...Array.from(this.#groups.values(), (group) => this.#dueMs(group)))
  }

  add(arrival: Arrival): void {
    const group = this.#groups.get(arrival.group) ?? this.#newGroup(arrival)
    if (group === undefined) return
    const { window } = group
    const place = window.insert(arrival)
    this.#bytes += ENTRY_BYTES
    if (place === window.length - 1) {
      if (window.countAt(place) >= this.#atLeast) this.#fire(group, place)
    } else {
      this.#fireFrom(group, place, arrival.timeMs)
    }
    if (window.length > EXACT_ENTRIES) this.#trim(group)
    if (this.#accounted() > this.#options.limits.bytes) this.#makeRoom(group)
  }

  advance(): void {
    const { watermarkMs } = this.#options.clock
    for (const group of firstDue(this.#groups.values(), {
      watermarkMs,
      dueMs: (one) => this.#dueMs(one),
    })) {
      this.#episodes.pass(group, watermarkMs)
      this.#evict(group)
      if (group.window.length === 0 && group.episodes.length === 0) this.#delete(group)
    }
  }

  close(cause: 'edit' | 'rule_removed'): void {
    for (const group of this.#groups.values()) {
      this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs, cause })
      while (group.window.length > 0) this.#dropFirst(group, 'below')
    }
  }

  adopt(options: WindowOptions, ask: boolean): boolean {
    const formerly = this.#atLeast
    this.#options = options
    this.#episodes = new Episodes(options.rule, options.context)
    this.#readRule()
    let hasFired = false
    for (const group of this.#groups.values()) {
      this.#episodes.adopt(group)
      if (ask && formerly !== this.#atLeast) hasFired = this.#askAgain(group) || hasFired
    }
    return hasFired
  }

  write(to: StateWriter): void {
    const { rule, clock, context } = this.#options
    const reachMs = Math.max(this.#withinMs, rule.quietMs)
    const isCapped = this.#cappedMs >= clock.watermarkMs - rule.lateByMs - reachMs
    if (this.#groups.size === 0 && !isCapped) return
    const groups = [...this.#groups.values()].sort((a, b) => byHash(a.key, b.key))
    const index = new PartitionIndex(context.names)
    for (const { window, episodes } of groups) {
      for (let i = 0; i < window.length; i++) index.use(window.partitionAt(i))
      usePartitions(episodes, index)
    }
    to.f64(isCapped ? this.#cappedMs : -Infinity)
    index.write(to)
    to.u32(groups.length)
    for (const { key, window, episodes, cappedMs, trimmedMs } of groups) {
      to.text(key)
      to.f64(cappedMs)
      to.f64(trimmedMs)
      window.write(to, index)
      writeEpisodes(episodes, to, index)
    }
  }

  read(from: StateReader): void {
    const { rule, context } = this.#options
    this.#cappedMs = from.f64()
    const partitions = readPartitions(from, context.names)
    for (let left = from.u32(); left > 0; left--) {
      const key = from.text()
      const [cappedMs, trimmedMs] = [from.f64(), from.f64()]
      const window = new PlainWindow(context.names, this.#withinMs)
      window.read(from, partitions)
      const episodes = readEpisodes(from, { rule, groupKey: key }, partitions)
      const group = { key, window, episodes, cappedMs, trimmedMs }
      this.#groups.set(key, group)
      this.#bytes += GROUP_BYTES + key.length + ENTRY_BYTES * window.length
      this.#episodes.adopt(group)
    }
  }

  #readRule(): void {
    const { detector, escalate } = this.#options.rule as ThresholdRule
    this.#atLeast = detector.atLeast
    this.#withinMs = detector.withinMs
    this.#horizon = new Horizon(this.#options.rule, detector.withinMs)
    this.#decisive = Math.max(detector.atLeast, ...escalate.map((step) => step.atLeast)) - 1
  }

  /**
   * An event came before others: those within its window count one more. If any of them then
   * fires, the first at or after it fires anew and claims it.
   */
  #fireFrom(group: ThresholdGroup, place: number, timeMs: number): void {
    const { window } = group
    const untilMs = timeMs + this.#withinMs
    const { length } = window
    if (window.countAt(place) >= this.#atLeast) this.#fire(group, place)
    for (let i = place + 1; i < length && window.timeAt(i) < untilMs; i++) {
      const value = window.raise(i)
      if (value >= this.#atLeast && this.#isNews(group, i, value)) this.#fire(group, i)
    }
  }

  /** A higher count at an old firing below the peak changes nothing that an episode tells. */
  #isNews(group: ThresholdGroup, place: number, value: number): boolean {
    const { window } = group
    if (this.#options.onFiring !== undefined || !window.hasFired(place)) return true
    const episode = this.#episodes.at(group, window.timeAt(place))
    return (
      episode === undefined ||
      value > episode.peak ||
      window.isRecord(place, episode.first) ||
      window.isRecord(place, episode.last)
    )
  }

  #fire(group: ThresholdGroup, place: number, cause?: 'edit'): void {
    const { window } = group
    const { context, onFiring, rule } = this.#options
    const firing = this.#firing
    window.copyMark(place, firing)
    window.copyMark(window.firstInWindow(place), this.#earliest)
    firing.value = window.countAt(place)
    firing.isNew = window.markFired(place)
    firing.earliestPartition = this.#earliest.partition
    firing.earliestPosition = this.#earliest.position
    const at = {
      watermarkMs: this.#options.clock.watermarkMs,
      ...(cause === undefined ? {} : { cause }),
    }
    const episode = this.#episodes.onFiring(group, firing, at)
    if (firing.isNew) this.#claim(group, place, episode)
    this.#flag(group, episode, firing.timeMs)
    onFiring?.({
      rule,
      group: group.key,
      ref: context.names.ref(firing),
      atMs: firing.timeMs,
      value: firing.value,
    })
  }

  /** Counts the events of a new firing's window that no earlier firing covers. */
  #claim(group: ThresholdGroup, place: number, episode: OpenEpisode): void {
    const { window } = group
    const first = window.firstInWindow(place)
    let next: OpenEpisode | undefined
    for (let i = place; i >= first; i--) {
      if (i < place && window.hasFired(i)) return
      if (window.markCovered(i)) {
        episode.matches++
        continue
      }
      // Only a quiet period below the window leaves two episodes that one event could lie in.
      next ??= this.#nextEpisode(group, place) ?? episode
      if (next === episode) continue
      next.matches--
      episode.matches++
    }
  }

  #nextEpisode(group: ThresholdGroup, place: number): OpenEpisode | undefined {
    const { window } = group
    for (let i = place + 1; i < window.length; i++) {
      if (window.hasFired(i)) return this.#episodes.at(group, window.timeAt(i))
    }
    return undefined
  }

  #flag(group: ThresholdGroup, episode: OpenEpisode, timeMs: number): void {
    if (timeMs - this.#withinMs < group.trimmedMs) episode.flags.add('approximate')
    const reachMs = Math.max(this.#withinMs, this.#options.rule.quietMs)
    if (timeMs - reachMs <= group.cappedMs) episode.flags.add('capped')
  }

  /** When its oldest record can be forgotten, or an episode clears or settles. */
  #dueMs(group: ThresholdGroup): number {
    const { window } = group
    const keptMs =
      window.length === 0 ? Infinity : this.#horizon.dueMs(window.timeAt(0), this.#phaseMs(group))
    return Math.min(keptMs, this.#episodes.dueMs(group))
  }

  #phaseMs({ key }: ThresholdGroup): number {
    return this.#horizon.phaseMs(new GroupHash().take(key).low)
  }

  /** Forgets what no admitted event can bring to count again. */
  #evict(group: ThresholdGroup): void {
    const keptMs = this.#horizon.beforeMs(this.#options.clock.watermarkMs, this.#phaseMs(group))
    const { window } = group
    while (window.length > 0 && window.timeAt(0) < keptMs) this.#dropFirst(group, 'below')
  }

  /** Keeps what decides firings: the lateness horizon and the newest before it. */
  #trim(group: ThresholdGroup): void {
    const { window } = group
    const settled = window.countBefore(
      this.#options.clock.watermarkMs - this.#options.rule.lateByMs,
    )
    const excess = Math.min(settled - this.#decisive, window.length - EXACT_ENTRIES)
    if (excess < TRIM_STEP) return
    for (let i = 0; i < excess; i++) {
      group.trimmedMs = Math.max(group.trimmedMs, window.timeAt(0) + 1)
      this.#dropFirst(group, 'below')
    }
  }

  #dropFirst(group: ThresholdGroup, uncovered: 'below' | 'cap'): void {
    const { window } = group
    const as = window.isCovered(0) ? 'episode' : uncovered
    this.#options.ledger.count(as, window.timeAt(0))
    window.dropFirst()
    this.#bytes -= ENTRY_BYTES
  }

  #accounted(): number {
    return this.#bytes + EPISODE_BYTES * this.#episodes.openCount
  }

  /** `undefined` when there is no room and the rule refuses new groups. */
  #newGroup({ group: key, timeMs }: Arrival): ThresholdGroup | undefined {
    const { context, limits, rule, clock, ledger, onCap } = this.#options
    if (this.#groups.size >= limits.groups) this.#reclaim()
    if (this.#groups.size >= limits.groups || this.#accounted() >= limits.bytes) {
      if (limits.overflow === 'refuse_new') {
        onCap()
        ledger.count('cap', timeMs)
        this.#cappedMs = Math.max(this.#cappedMs, timeMs)
        return undefined
      }
      this.#evictOldest(evictedAtOnce(limits.groups))
    }
    const reachMs = Math.max(this.#withinMs, rule.quietMs)
    const isCapped = this.#cappedMs >= clock.watermarkMs - rule.lateByMs - reachMs
    const group: ThresholdGroup = {
      key,
      window: new PlainWindow(context.names, this.#withinMs),
      episodes: [],
      cappedMs: isCapped ? this.#cappedMs : -Infinity,
      trimmedMs: -Infinity,
    }
    this.#groups.set(key, group)
    this.#bytes += GROUP_BYTES + key.length
    return group
  }

  #reclaim(): void {
    const { watermarkMs } = this.#options.clock
    const dueMs = (group: ThresholdGroup): number => this.#dueMs(group)
    for (const group of firstDue(this.#groups.values(), { watermarkMs, dueMs })) {
      if (group.episodes.length > 0) return
      this.#evict(group)
      if (group.window.length === 0) this.#delete(group)
    }
  }

  /** Over the cap on bytes: a group that holds most of it is cut, else the oldest make room. */
  #makeRoom(grown: ThresholdGroup): void {
    const { limits, onCap } = this.#options
    while (this.#accounted() > limits.bytes) {
      const { window } = grown
      const isLarge = window.length * ENTRY_BYTES * 2 > limits.bytes
      if (!isLarge && this.#groups.size > 1) {
        this.#evictOldest(1, grown)
        continue
      }
      if (window.length < 2) return
      onCap()
      for (let left = Math.ceil(window.length / 4); left > 0; left--) {
        grown.cappedMs = Math.max(grown.cappedMs, window.timeAt(0))
        this.#dropFirst(grown, 'cap')
      }
    }
  }

  /** Those without an episode first, then by their latest record (I2). */
  #evictOldest(count: number, except?: ThresholdGroup): void {
    const byAge = [...this.#groups.values()]
      .filter((group) => group !== except)
      .sort(
        (a, b) =>
          Number(a.episodes.length > 0) - Number(b.episodes.length > 0) ||
          latestMs(a) - latestMs(b) ||
          byHash(a.key, b.key),
      )
    for (const group of byAge.slice(0, count)) this.#drop(group)
  }

  /** A group makes room for another (I2). */
  #drop(group: ThresholdGroup): void {
    this.#options.onCap()
    this.#cappedMs = Math.max(this.#cappedMs, latestMs(group))
    this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs }, 'capped')
    while (group.window.length > 0) this.#dropFirst(group, 'cap')
    this.#delete(group)
  }

  #delete(group: ThresholdGroup): void {
    this.#groups.delete(group.key)
    this.#bytes -= GROUP_BYTES + group.key.length
  }

  #askAgain(group: ThresholdGroup): boolean {
    const { window } = group
    let hasFired = false
    for (let i = 0; i < window.length; i++) {
      if (window.hasFired(i) || window.countAt(i) < this.#atLeast) continue
      this.#fire(group, i, 'edit')
      hasFired = true
    }
    return hasFired
  }
}

/** Of its kept records; of its episodes when there are none. */
function latestMs({ window, episodes }: ThresholdGroup): number {
  if (window.length > 0) return window.timeAt(window.length - 1)
  return Math.max(...episodes.map(({ endMs }) => endMs))
}
