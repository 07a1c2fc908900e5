import type { Group, GroupKey } from './group.ts'
import type { Severity } from './severity.ts'

/** Where an episode stands: `settled` is final, `cleared` may still fire again. */
export type EpisodeState = 'open' | 'cleared' | 'settled'

/**
 * A maximal run of firings of one (rule, group) with gaps of at most the quiet period
 * (design §4.3). A value: every change carries the whole episode as it then is.
 */
export interface Episode {
  /** base32(sha256(rule id, group, opening ref)), 26 characters: a name, never an identity (I5). */
  readonly id: string
  readonly ruleId: string
  /** Hash of the rule's text; a column, never part of the id. */
  readonly ruleRev: string
  readonly group: Group
  readonly groupKey: GroupKey
  readonly state: EpisodeState
  /** Event time of the first and the last firing, ms UTC. */
  readonly startMs: number
  readonly endMs: number
  /** Distinct events that lie in the window of at least one firing. */
  readonly matches: number
  /** Events (or deadlines) at which the condition held. */
  readonly firings: number
  /** Highest value over all firings. */
  readonly peak: number
  /** Value at the latest firing in the rule's order. */
  readonly value: number
  /** Highest severity reached; a settled episode keeps it. */
  readonly severity: Severity
  /** Record that made it open, or `t:<deadline>`. */
  readonly openedRef: string
  /** Earliest event in the window of its first firing; its latest firing. Records' names. */
  readonly firstRef: string
  readonly lastRef: string
  readonly flags: readonly EpisodeFlag[]
}

/** `approximate`: past the exact limits of §4.4; `capped`: a cap touched its group. */
export type EpisodeFlag = 'approximate' | 'capped'

export type EpisodeChangeKind =
  | 'opened'
  | 'changed'
  | 'refired'
  | 'escalated'
  | 'cleared'
  | 'settled'
  | 'merged'
  | 'retracted'

/** One step in an episode's life, as the engine emits it and the store applies it. */
export interface EpisodeChange {
  readonly change: EpisodeChangeKind
  readonly episode: Episode
  /** Event time of the cause: the firing, or the watermark that passed a deadline. */
  readonly atMs: number
  /** The rule's quiet period: a stored episode within it is adopted (I5). */
  readonly quietMs: number
  /** Id of the survivor, for `merged`. */
  readonly into?: string
  /** Why, where it was not an event: `edit`, `rule_removed`. */
  readonly cause?: 'edit' | 'rule_removed'
}

export const DISPOSITIONS = [
  'opened',
  'attached',
  'silenced',
  'inhibited',
  'maintenance',
  'storm',
  'shadow',
  'old_news',
  'rule_removed',
  'merged',
] as const

/** What became of an episode; each has exactly one at a time, with its history (I9). */
export type Disposition = (typeof DISPOSITIONS)[number]

/** `real` counts; `drill` and `shadow` never do. On every row that counts. */
export type Mode = 'real' | 'drill' | 'shadow'
