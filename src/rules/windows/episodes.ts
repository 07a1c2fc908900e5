import { derivedName } from '../../lib/canonical.ts'
import type { EpisodeFlag } from '../../model/episode.ts'
import type { GroupKey } from '../../model/group.ts'
import { maxSeverity } from '../../model/severity.ts'
import type { Severity } from '../../model/severity.ts'
import type { Rule } from '../rule.ts'
import type { ChangeLog } from './change-log.ts'
import type { GroupStore } from './group-store.ts'
import { OpenEpisode } from './open-episode.ts'
import type { RecordMark, RecordNames } from './record-names.ts'
import type { RecordWindow } from './record-window.ts'
import type { StateWriter } from './state-bytes.ts'

/** An event at which the condition holds. Reused by its owner: nothing of it is kept. */
export interface Firing extends RecordMark {
  /** What was compared with the threshold. */
  readonly value: number
  /** False when the same event fired before and only its value has risen. */
  readonly isNew: boolean
  /** Earliest event in its window. */
  readonly earliestPartition: number
  readonly earliestPosition: number
}

/** Where the unsettled episodes of one group are kept, in order of their start. */
export interface EpisodeHolder {
  readonly key: GroupKey
  /** In order of their start. */
  readonly episodes: OpenEpisode[]
}

/** What all rules of an engine share. */
export interface EpisodeContext {
  readonly names: RecordNames
  readonly changes: ChangeLog
  /** Where the groups of all rules lie. */
  readonly groups: GroupStore
  /** Bound to one group after the other. */
  readonly window: RecordWindow
  /** Empty between two uses. */
  readonly writer: StateWriter
}

/** The episodes of one bucket of a rule (design §4.3): firings in, at most two touched, changes out. */
export class Episodes {
  readonly #rule: Rule
  readonly #context: EpisodeContext
  #open = 0

  constructor(rule: Rule, context: EpisodeContext) {
    this.#rule = rule
    this.#context = context
  }

  /** Unsettled episodes. */
  get openCount(): number {
    return this.#open
  }

  /** Takes a group's episodes over from the rule's former text, or as they were saved. */
  adopt(holder: EpisodeHolder): void {
    for (const episode of holder.episodes) episode.rule = this.#rule
    this.#open += holder.episodes.length
  }

  /** Opens, extends or merges; returns the episode that the firing belongs to. */
  onFiring(
    holder: EpisodeHolder,
    firing: Firing,
    at: { readonly watermarkMs: number; readonly cause?: 'edit' },
  ): OpenEpisode {
    const { quietMs } = this.#rule
    let found: OpenEpisode | undefined
    for (let i = holder.episodes.length - 1; i >= 0; i--) {
      const episode = holder.episodes[i]!
      if (firing.timeMs > episode.endMs + quietMs) break
      if (firing.timeMs < episode.startMs - quietMs) continue
      found = found === undefined ? episode : this.#merge(holder, found, episode, firing.timeMs)
    }
    if (found === undefined) return this.#openNew(holder, firing, at.cause)
    this.#extend(found, firing, at.watermarkMs)
    return found
  }

  /** The episode whose interval holds `timeMs`. */
  at(holder: EpisodeHolder, timeMs: number): OpenEpisode | undefined {
    for (let i = holder.episodes.length - 1; i >= 0; i--) {
      const episode = holder.episodes[i]!
      if (episode.startMs <= timeMs && timeMs <= episode.endMs) return episode
    }
    return undefined
  }

  /** Clears and settles what the watermark has passed. */
  pass(holder: EpisodeHolder, watermarkMs: number): void {
    const { quietMs, lateByMs } = this.#rule
    for (let i = 0; i < holder.episodes.length; i++) {
      const episode = holder.episodes[i]!
      const clearMs = episode.endMs + quietMs
      if (watermarkMs <= clearMs) continue
      const at = { atMs: watermarkMs, dueMs: clearMs }
      if (episode.state === 'open') {
        episode.state = 'cleared'
        this.#context.changes.ended(episode, 'cleared', at)
      }
      if (watermarkMs <= clearMs + lateByMs) continue
      this.#context.changes.ended(episode, 'settled', at)
      this.#open--
      holder.episodes.splice(i--, 1)
    }
  }

  /** When {@link pass} has something to do next; Infinity when never. */
  dueMs(holder: EpisodeHolder): number {
    const { quietMs, lateByMs } = this.#rule
    let dueMs = Infinity
    for (const { state, endMs } of holder.episodes) {
      dueMs = Math.min(dueMs, endMs + quietMs + (state === 'open' ? 0 : lateByMs))
    }
    return dueMs
  }

  /** Settles everything now: the rule is gone, or its group had to make room. */
  close(
    holder: EpisodeHolder,
    at: { readonly watermarkMs: number; readonly cause?: 'edit' | 'rule_removed' },
    flag?: EpisodeFlag,
  ): void {
    const cause = at.cause === undefined ? {} : { cause: at.cause }
    for (const episode of holder.episodes) {
      if (flag !== undefined) episode.flags.add(flag)
      const atMs = Math.max(at.watermarkMs, episode.endMs)
      this.#context.changes.closed(episode, { atMs, ...cause })
    }
    this.#open -= holder.episodes.length
    holder.episodes.length = 0
  }

  #openNew(holder: EpisodeHolder, firing: Firing, cause?: 'edit'): OpenEpisode {
    const ref = this.#context.names.ref(firing)
    const episode = new OpenEpisode(this.#rule, {
      id: derivedName(this.#rule.id, holder.key, ref),
      groupKey: holder.key,
      ref,
      order: 1 + holder.episodes.reduce((most, { order }) => Math.max(most, order), -1),
      firing,
      severity: this.#severityOf(firing.value),
    })
    setEarliest(episode, firing)
    if (firing.isNew) episode.firings = 1
    let at = holder.episodes.length
    while (at > 0 && holder.episodes[at - 1]!.startMs > firing.timeMs) at--
    holder.episodes.splice(at, 0, episode)
    this.#open++
    this.#context.changes.opened(episode, firing.timeMs, cause)
    return episode
  }

  #extend(episode: OpenEpisode, firing: Firing, watermarkMs: number): void {
    const { changes, names } = this.#context
    const { timeMs } = firing
    if (firing.isNew) episode.firings++
    if (timeMs > episode.endMs) episode.endMs = timeMs
    if (timeMs < episode.startMs) episode.startMs = timeMs
    if (timeMs >= episode.last.timeMs && names.compare(firing, episode.last) >= 0) {
      copyMark(firing, episode.last)
      episode.value = firing.value
    }
    if (timeMs <= episode.first.timeMs && names.compare(firing, episode.first) <= 0) {
      copyMark(firing, episode.first)
      setEarliest(episode, firing)
    }
    if (episode.state === 'cleared' && watermarkMs <= episode.endMs + this.#rule.quietMs) {
      episode.state = 'open'
      changes.refired(episode, timeMs)
    } else {
      changes.changed(episode, timeMs)
    }
    if (firing.value > episode.peak) {
      episode.peak = firing.value
      const severity = maxSeverity(episode.severity, this.#severityOf(firing.value))
      if (severity !== episode.severity) {
        episode.severity = severity
        changes.escalated(episode, timeMs)
      }
    }
  }

  /** Keeps the one opened first; both are told. */
  #merge(holder: EpisodeHolder, a: OpenEpisode, b: OpenEpisode, atMs: number): OpenEpisode {
    const [into, from] = a.order < b.order ? [a, b] : [b, a]
    const { names, changes } = this.#context
    into.startMs = Math.min(into.startMs, from.startMs)
    into.endMs = Math.max(into.endMs, from.endMs)
    into.matches += from.matches
    into.firings += from.firings
    into.peak = Math.max(into.peak, from.peak)
    for (const flag of from.flags) into.flags.add(flag)
    if (names.compare(from.first, into.first) < 0) {
      copyMark(from.first, into.first)
      Object.assign(into.earliest, from.earliest)
    }
    if (names.compare(from.last, into.last) > 0) {
      copyMark(from.last, into.last)
      into.value = from.value
    }
    holder.episodes.splice(holder.episodes.indexOf(from), 1)
    holder.episodes.sort((x, y) => x.startMs - y.startMs)
    this.#open--
    changes.merged(from, into, atMs)
    const severity = maxSeverity(into.severity, from.severity)
    if (severity !== into.severity) {
      into.severity = severity
      changes.escalated(into, atMs)
    }
    return into
  }

  #severityOf(value: number): Severity {
    let severity = this.#rule.severity
    for (const step of this.#rule.escalate) {
      if (value < step.atLeast) break
      severity = maxSeverity(severity, step.severity)
    }
    return severity
  }
}

function setEarliest(episode: OpenEpisode, firing: Firing): void {
  episode.earliest.partition = firing.earliestPartition
  episode.earliest.position = firing.earliestPosition
}

function copyMark(from: RecordMark, into: OpenEpisode['last']): void {
  into.timeMs = from.timeMs
  into.hashHigh = from.hashHigh
  into.hashLow = from.hashLow
  into.partition = from.partition
  into.position = from.position
}
