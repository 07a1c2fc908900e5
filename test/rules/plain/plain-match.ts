import type { GroupKey } from '../../../src/model/group.ts'
import { byHash, firstDue } from './first-due.ts'
import { Episodes } from '../../../src/rules/windows/episodes.ts'
import type { Firing } from '../../../src/rules/windows/episodes.ts'
import { EPISODE_BYTES, evictedAtOnce, GROUP_BYTES } from '../../../src/rules/windows/limits.ts'
import type { OpenEpisode } from '../../../src/rules/windows/open-episode.ts'
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

interface MatchGroup {
  readonly key: GroupKey
  readonly episodes: OpenEpisode[]
  /** Records up to here may be missing: its own past had to make room. */
  cappedMs: number
}

/** Rule type `match`: every admitted match is a firing of value 1; only episodes are kept. */
export class PlainMatch implements RuleWindows {
  readonly #groups = new Map<GroupKey, MatchGroup>()
  #options: WindowOptions
  #episodes: Episodes
  /** Events up to here may have belonged to a group that had to make room. */
  #cappedMs = -Infinity
  #bytes = 0

  constructor(options: WindowOptions) {
    this.#options = options
    this.#episodes = new Episodes(options.rule, options.context)
  }

  get groups(): number {
    return this.#groups.size
  }

  get openEpisodes(): number {
    return this.#episodes.openCount
  }

  /** There is nothing to ask for but each match itself. */
  readonly isTrimmed = false

  get nextDueMs(): number {
    return Math.min(
      Infinity,
      ...Array.from(this.#groups.values(), (group) => this.#episodes.dueMs(group)),
    )
  }

  add(arrival: Arrival): void {
    const { rule, ledger, onFiring, context } = this.#options
    const group = this.#groups.get(arrival.group) ?? this.#newGroup(arrival)
    if (group === undefined) return
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
    if (arrival.timeMs - rule.quietMs <= group.cappedMs) episode.flags.add('capped')
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
    for (const group of firstDue(this.#groups.values(), {
      watermarkMs,
      dueMs: (one) => this.#episodes.dueMs(one),
    })) {
      this.#episodes.pass(group, watermarkMs)
      if (group.episodes.length === 0) this.#delete(group)
    }
  }

  close(cause: 'edit' | 'rule_removed'): void {
    for (const group of this.#groups.values()) {
      this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs, cause })
    }
  }

  adopt(options: WindowOptions): boolean {
    this.#options = options
    this.#episodes = new Episodes(options.rule, options.context)
    for (const group of this.#groups.values()) {
      this.#episodes.adopt(group)
    }
    return false
  }

  write(to: StateWriter): void {
    const isCapped = this.#isCapped()
    if (this.#groups.size === 0 && !isCapped) return
    const groups = [...this.#groups.values()].sort((a, b) => byHash(a.key, b.key))
    const index = new PartitionIndex(this.#options.context.names)
    for (const { episodes } of groups) usePartitions(episodes, index)
    to.f64(isCapped ? this.#cappedMs : -Infinity)
    index.write(to)
    to.u32(groups.length)
    for (const { key, episodes, cappedMs } of groups) {
      to.text(key)
      to.f64(cappedMs)
      to.f64(-Infinity)
      writeEpisodes(episodes, to, index)
    }
  }

  read(from: StateReader): void {
    const { rule, context } = this.#options
    this.#cappedMs = from.f64()
    const partitions = readPartitions(from, context.names)
    for (let left = from.u32(); left > 0; left--) {
      const key = from.text()
      const cappedMs = from.f64()
      from.f64()
      const episodes = readEpisodes(from, { rule, groupKey: key }, partitions)
      const group = { key, episodes, cappedMs }
      this.#groups.set(key, group)
      this.#bytes += GROUP_BYTES + key.length
      this.#episodes.adopt(group)
    }
  }

  #isCapped(): boolean {
    const { rule, clock } = this.#options
    return this.#cappedMs >= clock.watermarkMs - rule.lateByMs - rule.quietMs
  }

  /** `undefined` when there is no room and the rule refuses new groups. */
  #newGroup({ group: key, timeMs }: Arrival): MatchGroup | undefined {
    const { limits, ledger, onCap } = this.#options
    const bytes = this.#bytes + EPISODE_BYTES * this.#episodes.openCount
    const isFull = this.#groups.size >= limits.groups || bytes >= limits.bytes
    if (isFull && limits.overflow === 'refuse_new') {
      onCap()
      ledger.count('cap', timeMs)
      this.#cappedMs = Math.max(this.#cappedMs, timeMs)
      return undefined
    }
    if (isFull) this.#evictOldest(evictedAtOnce(limits.groups))
    const cappedMs = this.#isCapped() ? this.#cappedMs : -Infinity
    const group = { key, episodes: [], cappedMs }
    this.#groups.set(key, group)
    this.#bytes += GROUP_BYTES + key.length
    return group
  }

  /** By the end of their latest episode (I2). */
  #evictOldest(count: number): void {
    const byAge = [...this.#groups.values()].sort(
      (a, b) => latestMs(a) - latestMs(b) || byHash(a.key, b.key),
    )
    for (const group of byAge.slice(0, count)) {
      this.#options.onCap()
      this.#cappedMs = Math.max(this.#cappedMs, latestMs(group))
      this.#episodes.close(group, { watermarkMs: this.#options.clock.watermarkMs }, 'capped')
      this.#delete(group)
    }
  }

  #delete(group: MatchGroup): void {
    this.#groups.delete(group.key)
    this.#bytes -= GROUP_BYTES + group.key.length
  }
}

function latestMs({ episodes }: MatchGroup): number {
  return Math.max(...episodes.map(({ endMs }) => endMs))
}
