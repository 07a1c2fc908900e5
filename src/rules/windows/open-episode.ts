import type { Episode, EpisodeFlag } from '../../model/episode.ts'
import { groupOf } from '../../model/group.ts'
import type { Group, GroupKey } from '../../model/group.ts'
import type { Severity } from '../../model/severity.ts'
import type { Rule } from '../rule.ts'
import type { RecordMark, RecordNames } from './record-names.ts'

export type Mark = { -readonly [K in keyof RecordMark]: RecordMark[K] }

/** An episode that is not settled: changed in place by its rule, handed out as a value. */
export class OpenEpisode {
  readonly id: string
  /** Of the rule that opened it; the rule that carries it on may be a later edit. */
  readonly ruleRev: string
  readonly groupKey: GroupKey
  readonly openedRef: string
  /** Counts openings within the group: a merge keeps the one opened first. */
  readonly order: number
  rule: Rule
  state: 'open' | 'cleared' = 'open'
  startMs: number
  endMs: number
  matches = 0
  firings = 0
  peak: number
  value: number
  severity: Severity
  /** First and latest firing in the rule's order. */
  readonly first: Mark
  readonly last: Mark
  /** Earliest event in the window of the first firing. */
  readonly earliest: { partition: number; position: number }
  readonly flags = new Set<EpisodeFlag>()
  #group: Group | undefined

  constructor(
    rule: Rule,
    opening: {
      readonly id: string
      /** Default: of the rule. */
      readonly ruleRev?: string
      readonly groupKey: GroupKey
      readonly ref: string
      readonly order: number
      readonly firing: RecordMark & { readonly value: number }
      readonly severity: Severity
    },
  ) {
    const { timeMs, hashHigh, hashLow, partition, position, value } = opening.firing
    this.id = opening.id
    this.rule = rule
    this.ruleRev = opening.ruleRev ?? rule.revision
    this.groupKey = opening.groupKey
    this.openedRef = opening.ref
    this.order = opening.order
    this.startMs = timeMs
    this.endMs = timeMs
    this.peak = value
    this.value = value
    this.severity = opening.severity
    this.first = { timeMs, hashHigh, hashLow, partition, position }
    this.last = { timeMs, hashHigh, hashLow, partition, position }
    this.earliest = { partition, position }
  }

  snapshot(names: RecordNames, state: Episode['state']): Episode {
    this.#group ??= groupOf(this.rule.groupBy, this.groupKey)
    return {
      id: this.id,
      ruleId: this.rule.id,
      ruleRev: this.ruleRev,
      group: this.#group,
      groupKey: this.groupKey,
      state,
      startMs: this.startMs,
      endMs: this.endMs,
      matches: this.matches,
      firings: this.firings,
      peak: this.peak,
      value: this.value,
      severity: this.severity,
      openedRef: this.openedRef,
      firstRef: names.ref(this.earliest),
      lastRef: names.ref(this.last),
      flags: [...this.flags].sort(),
    }
  }
}
