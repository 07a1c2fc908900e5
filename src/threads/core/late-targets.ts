import type { OutstandingRecompute, RefusedRange } from '../../model/commit.ts'
import type { GroupKey } from '../../model/group.ts'
import type { MatchRows } from '../../model/matches.ts'
import { inputOfPartition } from '../../model/slab.ts'
import type { RecomputeRow } from '../../rules/recompute-rows.ts'
import type { Rule } from '../../rules/rule.ts'
import type { LoadedRules } from './loaded-rules.ts'

/** One group of one rule that is read back, for one or several outstanding recomputes. */
export interface LateTarget {
  readonly ids: number[]
  readonly rule: Rule
  readonly group: GroupKey
  /** Event time of the earliest and latest event that may belong to an episode with them. */
  fromMs: number
  toMs: number
  /** From here on windows hold nothing before `fromMs`: earlier firings lack some of theirs. */
  wholeFromMs: number
  readonly refused: RefusedRange[]
  /** Something was recorded for it before, which may look otherwise now. */
  isRecorded: boolean
}

/** The groups of one pass over the journal, and which of their matches were refused live. */
export class LateTargets {
  readonly all: LateTarget[] = []
  /** Recomputes of rules that their rule set does not have. */
  readonly unknown: number[] = []
  readonly #rules: LoadedRules
  readonly #byRule = new Map<string, Map<GroupKey, number>>()
  /** Of the partition that is read: greatest min(time, received) so far, and received. */
  #partition = ''
  #reorderMs = 0
  #maxTimeMs = -Infinity
  #receivedMs = -Infinity

  constructor(outstanding: readonly OutstandingRecompute[], rules: LoadedRules) {
    this.#rules = rules
    for (const one of outstanding) this.#add(one)
  }

  get ruleIds(): string[] {
    return [...this.#byRule.keys()]
  }

  beginPartition(partition: string): void {
    this.#partition = partition
    this.#reorderMs = this.#rules.timing(inputOfPartition(partition)).reorderMs
    this.#maxTimeMs = -Infinity
    this.#receivedMs = -Infinity
  }

  /** Of the partition, in order of position. */
  beginBatch(receivedMs: number): void {
    this.#receivedMs = Math.max(this.#receivedMs, receivedMs)
  }

  endBatch(maxTimeMs: number): void {
    this.#maxTimeMs = Math.max(this.#maxTimeMs, maxTimeMs)
  }

  /** The match in row `i` of the batch, when it belongs to a group that is read back. */
  row(rule: Rule, rows: MatchRows, i: number, position: number): RecomputeRow | undefined {
    const group = rows.group[i]!
    const target = this.#byRule.get(rule.id)?.get(group)
    if (target === undefined) return undefined
    const { fromMs, toMs, refused } = this.all[target]!
    const timeMs = rows.timeMs[i]!
    if (timeMs < fromMs || timeMs > toMs) return undefined
    const seenMs =
      rule.clock === 'received' ? this.#receivedMs : Math.max(this.#maxTimeMs, rows.maxTimeMs[i]!)
    const partition = this.#partition
    const witnessedMs = seenMs - this.#reorderMs
    const isLate = refused.some(
      (range) =>
        range.partition === partition &&
        range.first <= position &&
        position <= range.last &&
        (timeMs < Math.max(witnessedMs, range.witnessedMs ?? -Infinity) - rule.lateByMs ||
          range.below.some(({ from, ms }) => from <= position && timeMs < ms)),
    )
    const [hashHigh, hashLow] = [rows.hashHigh[i]!, rows.hashLow[i]!]
    return { target, group, partition, position, timeMs, hashHigh, hashLow, isLate }
  }

  #add(one: OutstandingRecompute): void {
    const { id, ruleId, group, reachMs, adjoining, refused } = one
    const rule = this.#rules.rule(ruleId)
    if (rule === undefined) {
      this.unknown.push(id)
      return
    }
    const { detector } = rule
    // A window more: which of two episodes counts an event is decided by the earlier firing.
    const wholeFromMs = Math.min(one.fromMs, adjoining?.startMs ?? Infinity) - reachMs
    const fromMs = wholeFromMs - (detector.kind === 'threshold' ? detector.withinMs : 0)
    const toMs = Math.max(one.toMs, adjoining?.endMs ?? -Infinity) + reachMs
    const groups = this.#byRule.get(ruleId) ?? new Map<GroupKey, number>()
    this.#byRule.set(ruleId, groups)
    const known = this.all[groups.get(group) ?? -1]
    if (known === undefined) {
      groups.set(group, this.all.length)
      const isRecorded = adjoining !== null
      const range = { fromMs, toMs, wholeFromMs }
      this.all.push({ ids: [id], rule, group, ...range, refused: [...refused], isRecorded })
      return
    }
    known.ids.push(id)
    known.fromMs = Math.min(known.fromMs, fromMs)
    known.toMs = Math.max(known.toMs, toMs)
    known.wholeFromMs = Math.min(known.wholeFromMs, wholeFromMs)
    known.refused.push(...refused)
    known.isRecorded ||= adjoining !== null
  }
}
