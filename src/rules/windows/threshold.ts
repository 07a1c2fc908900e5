/**
 * Rule type `threshold`: at least N matches of one group in (t − within, t]. Adding an event takes
 * nothing out of any window, so what fires early stays true and late events only add firings
 * (design §4.2, §4.3).
 *
 *   1. Record i of the sorted records fires exactly when t[i] − t[i − N + 1] < within. An event
 *      at t changes that only for records at or after it with a time below t + within.
 *   2. A firing claims the events of its window back to the firing before it: their first firing
 *      at or after them decides the episode that counts them (I9).
 *   3. Admitted events are never older than the watermark − late_by, so what lies a window
 *      before that can change nothing and is forgotten when the watermark passes it.
 */
import type { Rule } from '../rule.ts'
import type { Firing } from './episodes.ts'
import { GroupWindows } from './group-windows.ts'
import type { GroupExtra } from './group-windows.ts'
import { Horizon } from './horizon.ts'
import { HOUR_MS } from './ledger.ts'
import { ENTRY_BYTES } from './limits.ts'
import type { Mark, OpenEpisode } from './open-episode.ts'
import type { PartitionIndex } from './partition-index.ts'
import type { RecordWindow } from './record-window.ts'
import type { Arrival, WindowOptions } from './rule-windows.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/** Kept per group exactly; beyond, only what can still decide a firing (design §4.4). */
const EXACT_ENTRIES = 4_096
/** Dropped together, so that looking for the horizon costs nothing per event. */
const TRIM_STEP = 512

type ThresholdRule = Rule & { readonly detector: { readonly kind: 'threshold' } }

export class ThresholdWindows extends GroupWindows {
  #atLeast = 0
  #withinMs = 0
  /** Records that decide a firing or a step of `escalate`, the firing itself left out. */
  #decisive = 0
  #horizon!: Horizon

  constructor(options: WindowOptions) {
    super(options)
    this.readRule(false)
  }

  add(arrival: Arrival): void {
    const id = this.groupOf(arrival)
    if (id < 0) return
    const { timeMs } = arrival
    const window = this.options.context.window.bind(id)
    const place = window.insert(arrival)
    this.account(ENTRY_BYTES)
    let hasFired = false
    if (place < window.length - 1) hasFired = this.#fireFrom(id, place, timeMs)
    else if (this.#fires(place)) hasFired = this.#fire(id, place, this.#firstOf(place))
    if (window.length > EXACT_ENTRIES) this.#trim(id)
    if (this.accounted() > this.options.limits.bytes) this.#makeRoom(id)
    if (place === 0 || hasFired) this.schedule(id)
  }

  protected readRule(ask: boolean): boolean {
    const formerly = this.#atLeast
    const { detector, escalate } = this.options.rule as ThresholdRule
    this.#atLeast = detector.atLeast
    this.#withinMs = detector.withinMs
    this.#decisive = Math.max(detector.atLeast, ...escalate.map((step) => step.atLeast)) - 1
    this.#horizon = new Horizon(this.options.rule, detector.withinMs)
    return ask && formerly !== this.#atLeast && this.#askAgain()
  }

  protected get reachMs(): number {
    return Math.max(this.#withinMs, this.options.rule.quietMs)
  }

  protected hasRecords(id: number): boolean {
    return this.options.context.groups.count(id) > 0
  }

  protected forget(id: number): void {
    if (!this.hasRecords(id)) return
    const window = this.#window(id)
    const gone = window.countBefore(
      this.#horizon.beforeMs(this.options.clock.watermarkMs, this.#phaseMs(id)),
    )
    if (gone > 0) this.#drop(window, gone, 'below')
  }

  protected dropRecords(id: number, uncovered: 'below' | 'cap'): void {
    const window = this.#window(id)
    if (window.length > 0) this.#drop(window, window.length, uncovered)
  }

  protected latestMs(id: number): number {
    const window = this.#window(id)
    if (window.length > 0) return window.timeAt(window.length - 1)
    return Math.max(...this.episodesOf(id).map(({ endMs }) => endMs))
  }

  protected recordsDueMs(id: number): number {
    if (!this.hasRecords(id)) return Infinity
    return this.#horizon.dueMs(this.#window(id).timeAt(0), this.#phaseMs(id))
  }

  protected usePartitions(id: number, index: PartitionIndex): void {
    this.#window(id).usePartitions(index)
  }

  protected writeRecords(id: number, to: StateWriter, index: PartitionIndex): void {
    this.#window(id).write(to, index)
  }

  protected readRecords(id: number, from: StateReader, partitions: readonly number[]): void {
    const window = this.#window(id)
    window.read(from, partitions)
    this.account(ENTRY_BYTES * window.length)
  }

  #phaseMs(id: number): number {
    return this.#horizon.phaseMs(this.options.context.groups.hashLow(id))
  }

  #window(id: number): RecordWindow {
    return this.options.context.window.bind(id)
  }

  #fires(place: number): boolean {
    const { window } = this.options.context
    const first = place - this.#atLeast + 1
    return first >= 0 && window.timeAt(first) > window.timeAt(place) - this.#withinMs
  }

  /** Index of the earliest kept record in the window that ends at this one. */
  #firstOf(place: number): number {
    const { window } = this.options.context
    return window.firstAfter(window.timeAt(place) - this.#withinMs)
  }

  /**
   * An event came before others: those within its window count one more. If any of them then
   * fires, the first at or after it fires anew and claims it.
   */
  #fireFrom(id: number, place: number, timeMs: number): boolean {
    const { window } = this.options.context
    const untilMs = timeMs + this.#withinMs
    const { length } = window
    let first = this.#firstOf(place)
    let hasFired = false
    for (let i = place; i < length && window.timeAt(i) < untilMs; i++) {
      if (!this.#fires(i)) continue
      while (window.timeAt(first) <= window.timeAt(i) - this.#withinMs) first++
      if (i > place && !this.#isNews(id, i, i - first + 1)) continue
      this.#fire(id, i, first)
      hasFired = true
    }
    return hasFired
  }

  /** A higher count at an old firing below the peak changes nothing that an episode tells. */
  #isNews(id: number, place: number, value: number): boolean {
    const { window } = this.options.context
    if (this.options.onFiring !== undefined || !window.hasFired(place)) return true
    const extra = this.extra(id)
    const episode = extra && this.episodes.at(extra, window.timeAt(place))
    return (
      episode === undefined ||
      value > episode.peak ||
      window.isRecord(place, episode.first) ||
      window.isRecord(place, episode.last)
    )
  }

  #fire(id: number, place: number, first: number, cause?: 'edit'): true {
    const { context, onFiring, rule, clock } = this.options
    const { window } = context
    const extra = this.ensureExtra(id)
    const mark: Mark = { timeMs: 0, hashHigh: 0, hashLow: 0, partition: 0, position: 0 }
    window.copyMark(place, mark)
    const firing: Firing = {
      ...mark,
      value: place - first + 1,
      isNew: window.markFired(place),
      earliestPartition: window.partitionAt(first),
      earliestPosition: window.positionAt(first),
    }
    const at = {
      watermarkMs: clock.watermarkMs,
      ...(cause === undefined ? {} : { cause }),
    }
    const episode = this.episodes.onFiring(extra, firing, at)
    if (firing.isNew) this.#claim(extra, { place, first }, episode)
    this.#flag(extra, episode, firing.timeMs)
    onFiring?.({
      rule,
      group: extra.key,
      ref: context.names.ref(firing),
      atMs: firing.timeMs,
      value: firing.value,
    })
    return true
  }

  /** Counts the events of a new firing's window that no earlier firing covers. */
  #claim(
    extra: GroupExtra,
    { place, first }: { readonly place: number; readonly first: number },
    episode: OpenEpisode,
  ): void {
    const { window } = this.options.context
    let next: OpenEpisode | undefined
    for (let i = place; i >= first; i--) {
      if (i < place && window.hasFired(i)) return
      if (window.markCovered(i)) {
        episode.matches++
        continue
      }
      // Only a quiet period below the window leaves two episodes that one event could lie in.
      next ??= this.#nextEpisode(extra, place) ?? episode
      if (next === episode) continue
      next.matches--
      episode.matches++
    }
  }

  #nextEpisode(extra: GroupExtra, place: number): OpenEpisode | undefined {
    const { window } = this.options.context
    for (let i = place + 1; i < window.length; i++) {
      if (window.hasFired(i)) return this.episodes.at(extra, window.timeAt(i))
    }
    return undefined
  }

  #flag(extra: GroupExtra, episode: OpenEpisode, timeMs: number): void {
    if (timeMs - this.#withinMs < extra.trimmedMs) episode.flags.add('approximate')
    if (timeMs - this.reachMs <= extra.cappedMs) episode.flags.add('capped')
  }

  /** Keeps what decides firings: the lateness horizon and the newest before it. */
  #trim(id: number): void {
    const { rule, clock } = this.options
    const window = this.#window(id)
    const settled = window.countBefore(clock.watermarkMs - rule.lateByMs)
    const excess = Math.min(settled - this.#decisive, window.length - EXACT_ENTRIES)
    if (excess < TRIM_STEP) return
    const extra = this.ensureExtra(id)
    extra.trimmedMs = Math.max(extra.trimmedMs, window.timeAt(excess - 1) + 1)
    this.#drop(window, excess, 'below')
    this.schedule(id)
  }

  /** Over the cap on bytes: a group that holds most of it is cut, else the oldest make room. */
  #makeRoom(grown: number): void {
    const { limits, onCap } = this.options
    while (this.accounted() > limits.bytes) {
      const window = this.#window(grown)
      const isLarge = window.length * ENTRY_BYTES * 2 > limits.bytes
      if (!isLarge && this.table.size > 1) {
        this.evictOldest(1, grown)
        continue
      }
      if (window.length < 2) return
      onCap()
      const excess = Math.ceil(window.length / 4)
      const extra = this.ensureExtra(grown)
      extra.cappedMs = Math.max(extra.cappedMs, window.timeAt(excess - 1))
      this.#drop(window, excess, 'cap')
      this.schedule(grown)
    }
  }

  /** Accounts for the oldest records and forgets them. */
  #drop(window: RecordWindow, count: number, uncovered: 'below' | 'cap'): void {
    const { ledger } = this.options
    for (let i = 0; i < count;) {
      const isCovered = window.isCovered(i)
      const timeMs = window.timeAt(i)
      const hourMs = Math.floor(timeMs / HOUR_MS) * HOUR_MS
      let end = i + 1
      while (
        end < count &&
        window.isCovered(end) === isCovered &&
        window.timeAt(end) < hourMs + HOUR_MS
      ) {
        end++
      }
      ledger.count(isCovered ? 'episode' : uncovered, timeMs, end - i)
      i = end
    }
    window.dropFirst(count)
    this.account(-ENTRY_BYTES * count)
  }

  #askAgain(): boolean {
    let hasFired = false
    for (const id of this.table.ids) {
      const window = this.#window(id)
      for (let i = 0; i < window.length; i++) {
        if (window.hasFired(i) || !this.#fires(i)) continue
        this.#fire(id, i, this.#firstOf(i), 'edit')
        hasFired = true
      }
    }
    return hasFired
  }
}
