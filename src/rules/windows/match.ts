import type { GroupKey } from '../../model/group.ts'
import { Deadlines } from './deadlines.ts'
import { Episodes } from './episodes.ts'
import type { Firing } from './episodes.ts'
import { GroupTable } from './group-table.ts'
import type { OpenEpisode } from './open-episode.ts'
import type { Arrival, RuleWindows, WindowOptions } from './rule-windows.ts'

interface MatchGroup {
  readonly key: GroupKey
  readonly episodes: OpenEpisode[]
  isRecent: boolean
  isIncomplete: boolean
  dueMs: number
}

/** Rule type `match`: every admitted match is a firing of value 1; only episodes are kept. */
export class MatchWindows implements RuleWindows {
  readonly #options: WindowOptions
  readonly #episodes: Episodes
  readonly #table: GroupTable<MatchGroup>
  readonly #deadlines: Deadlines<MatchGroup>
  /** Events up to here may have belonged to a group that had to make room. */
  #cappedMs = -Infinity

  constructor(options: WindowOptions, previous?: MatchWindows) {
    this.#options = options
    this.#episodes = new Episodes(options.rule, options.context)
    this.#table = previous === undefined ? new GroupTable(options.groupsMax) : previous.#table
    this.#deadlines = new Deadlines()
    if (previous === undefined) return
    this.#cappedMs = previous.#cappedMs
    for (const group of this.#table.values()) {
      group.dueMs = Infinity
      this.#episodes.adopt(group)
      this.#deadlines.schedule(group, this.#episodes.dueMs(group))
    }
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
    const { rule, ledger, onFiring, context } = this.#options
    const group = this.#groupOf(arrival.group)
    ledger.count('episode', arrival.timeMs)
    const firing: Firing = {
      timeMs: arrival.timeMs,
      hashHigh: arrival.hashHigh,
      hashLow: arrival.hashLow,
      partition: arrival.partition,
      position: arrival.position,
      value: 1,
      isNew: true,
      earliestPartition: arrival.partition,
      earliestPosition: arrival.position,
    }
    const episode = this.#episodes.onFiring(group, firing, {
      watermarkMs: this.#options.clock.watermarkMs,
    })
    episode.matches++
    if (group.isIncomplete && arrival.timeMs - rule.quietMs <= this.#cappedMs) {
      episode.flags.add('capped')
    }
    this.#deadlines.schedule(group, this.#episodes.dueMs(group))
    onFiring?.({
      rule,
      group: arrival.group,
      ref: context.names.ref(arrival),
      atMs: arrival.timeMs,
      value: 1,
    })
  }

  advance(): void {
    const { watermarkMs } = this.#options.clock
    for (
      let group = this.#deadlines.take(watermarkMs);
      group !== undefined;
      group = this.#deadlines.take(watermarkMs)
    ) {
      this.#episodes.pass(group, watermarkMs)
      if (group.episodes.length === 0) this.#table.delete(group)
      else this.#deadlines.schedule(group, this.#episodes.dueMs(group))
    }
  }

  close(cause: 'edit' | 'rule_removed'): void {
    for (const group of this.#table.values()) {
      this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs, cause })
    }
  }

  #groupOf(key: GroupKey): MatchGroup {
    let group = this.#table.get(key)
    if (group === undefined) {
      const victim = this.#table.overflowing(() => false)
      if (victim !== undefined) this.#drop(victim)
      const isIncomplete = this.#cappedMs > -Infinity
      group = { key, episodes: [], isRecent: false, isIncomplete, dueMs: Infinity }
      this.#table.add(group)
    }
    group.isRecent = true
    return group
  }

  #drop(group: MatchGroup): void {
    for (const { endMs } of group.episodes) this.#cappedMs = Math.max(this.#cappedMs, endMs)
    this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs }, 'capped')
    this.#deadlines.cancel(group)
    this.#table.delete(group)
  }
}
