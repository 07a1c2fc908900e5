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
 *      before that can change nothing and is forgotten.
 */
import type { GroupKey } from '../../model/group.ts'
import type { Rule } from '../rule.ts'
import { Deadlines } from './deadlines.ts'
import { Episodes } from './episodes.ts'
import type { Firing } from './episodes.ts'
import { GroupTable } from './group-table.ts'
import { KeyWindow } from './key-window.ts'
import type { Mark, OpenEpisode } from './open-episode.ts'
import type { Arrival, RuleWindows, WindowOptions } from './rule-windows.ts'

/** Kept per group exactly; beyond, only what can still decide a firing (design §4.4). */
const EXACT_ENTRIES = 4_096
/** Dropped together, so that looking for the horizon costs nothing per event. */
const TRIM_STEP = 512

interface ThresholdGroup {
  readonly key: GroupKey
  readonly window: KeyWindow
  readonly episodes: OpenEpisode[]
  isRecent: boolean
  /** Made after a group had to make room: its own past may be gone. */
  isIncomplete: boolean
  /** Records before this time were trimmed: values of windows that reach back to it are low. */
  trimmedMs: number
  dueMs: number
}

type ThresholdRule = Rule & { readonly detector: { readonly kind: 'threshold' } }

export class ThresholdWindows implements RuleWindows {
  readonly #options: WindowOptions
  readonly #atLeast: number
  readonly #withinMs: number
  /** Records that decide a firing or a step of `escalate`, the firing itself left out. */
  readonly #decisive: number
  readonly #episodes: Episodes
  readonly #table: GroupTable<ThresholdGroup>
  readonly #deadlines = new Deadlines<ThresholdGroup>()
  readonly #firing: Mark & { -readonly [K in keyof Firing]: Firing[K] }
  readonly #earliest: Mark
  /** Events up to here may have belonged to a group that had to make room. */
  #cappedMs = -Infinity

  constructor(options: WindowOptions, previous?: ThresholdWindows) {
    const { detector, escalate } = options.rule as ThresholdRule
    this.#options = options
    this.#atLeast = detector.atLeast
    this.#withinMs = detector.withinMs
    this.#decisive = Math.max(detector.atLeast, ...escalate.map((step) => step.atLeast)) - 1
    this.#episodes = new Episodes(options.rule, options.context)
    this.#table = previous === undefined ? new GroupTable(options.groupsMax) : previous.#table
    this.#earliest = { timeMs: 0, hashHigh: 0, hashLow: 0, partition: 0, position: 0 }
    this.#firing = {
      ...this.#earliest,
      value: 0,
      isNew: false,
      earliestPartition: 0,
      earliestPosition: 0,
    }
    if (previous !== undefined) this.#takeOver(previous)
  }

  get groups(): number {
    return this.#table.size
  }

  get openEpisodes(): number {
    return this.#episodes.openCount
  }

  get nextDueMs(): number {
    return this.#deadlines.nextMs()
  }

  add(arrival: Arrival): void {
    const group = this.#groupOf(arrival.group)
    const { window } = group
    this.#evict(group)
    const place = window.insert(arrival)
    if (place === window.length - 1) {
      if (window.countAt(place) >= this.#atLeast) this.#fire(group, place)
    } else {
      this.#fireFrom(group, place, arrival.timeMs)
    }
    if (window.length > EXACT_ENTRIES) this.#trim(group)
    if (group.dueMs === Infinity) this.#schedule(group)
  }

  advance(): void {
    const { watermarkMs } = this.#options.clock
    for (
      let group = this.#deadlines.take(watermarkMs);
      group !== undefined;
      group = this.#deadlines.take(watermarkMs)
    ) {
      this.#episodes.pass(group, watermarkMs)
      this.#evict(group)
      if (group.window.length === 0 && group.episodes.length === 0) this.#table.delete(group)
      else this.#schedule(group)
    }
  }

  close(cause: 'edit' | 'rule_removed'): void {
    for (const group of this.#table.values()) {
      this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs, cause })
      while (group.window.length > 0) this.#dropFirst(group, 'below')
    }
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
    this.#deadlines.schedule(group, episode.endMs + rule.quietMs)
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
    if (!group.isIncomplete) return
    const reachMs = Math.max(this.#withinMs, this.#options.rule.quietMs)
    if (timeMs - reachMs <= this.#cappedMs) episode.flags.add('capped')
  }

  #schedule(group: ThresholdGroup): void {
    const { window } = group
    const keptMs =
      window.length === 0
        ? Infinity
        : window.timeAt(window.length - 1) + this.#withinMs + this.#options.rule.lateByMs
    this.#deadlines.schedule(group, Math.min(keptMs, this.#episodes.dueMs(group)))
  }

  /** Forgets what no admitted event can bring to count again. */
  #evict(group: ThresholdGroup): void {
    const untilMs = this.#options.clock.watermarkMs - this.#options.rule.lateByMs - this.#withinMs
    const { window } = group
    while (window.length > 0 && window.timeAt(0) <= untilMs) this.#dropFirst(group, 'below')
  }

  /** Keeps what decides firings: the lateness horizon and the newest before it. */
  #trim(group: ThresholdGroup): void {
    const { window } = group
    const settled = window.countBefore(
      this.#options.clock.watermarkMs - this.#options.rule.lateByMs,
    )
    const excess = Math.min(settled - this.#decisive, window.length - EXACT_ENTRIES)
    if (excess < Math.min(TRIM_STEP, EXACT_ENTRIES)) return
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
  }

  #groupOf(key: GroupKey): ThresholdGroup {
    let group = this.#table.get(key)
    if (group === undefined) {
      const victim = this.#table.overflowing(({ episodes }) => episodes.length > 0)
      if (victim !== undefined) this.#drop(victim)
      group = {
        key,
        window: new KeyWindow(this.#options.context.names, this.#withinMs),
        episodes: [],
        isRecent: false,
        isIncomplete: this.#cappedMs > -Infinity,
        trimmedMs: -Infinity,
        dueMs: Infinity,
      }
      this.#table.add(group)
    }
    group.isRecent = true
    return group
  }

  /** A group makes room for another (I2). */
  #drop(group: ThresholdGroup): void {
    const { window } = group
    const lastMs = window.length === 0 ? -Infinity : window.timeAt(window.length - 1)
    for (const { endMs } of group.episodes) this.#cappedMs = Math.max(this.#cappedMs, endMs)
    this.#cappedMs = Math.max(this.#cappedMs, lastMs)
    this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs }, 'capped')
    while (window.length > 0) this.#dropFirst(group, 'cap')
    this.#deadlines.cancel(group)
    this.#table.delete(group)
  }

  /** Windows go on after an edit; another threshold is asked of what they hold. */
  #takeOver(previous: ThresholdWindows): void {
    this.#cappedMs = previous.#cappedMs
    for (const group of this.#table.values()) {
      group.dueMs = Infinity
      this.#episodes.adopt(group)
      if (previous.#atLeast !== this.#atLeast) this.#askAgain(group)
      this.#schedule(group)
    }
  }

  #askAgain(group: ThresholdGroup): void {
    const { window } = group
    for (let i = 0; i < window.length; i++) {
      if (!window.hasFired(i) && window.countAt(i) >= this.#atLeast) this.#fire(group, i, 'edit')
    }
  }
}
