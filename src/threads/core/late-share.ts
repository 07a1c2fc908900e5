import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { CommitEntry } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import type { Report } from '../../model/occurrence.ts'
import { inputOfPartition } from '../../model/slab.ts'
import type { Slice } from '../../rules/engine.ts'
import { toldAtOnce } from './system-episode.ts'

/** Rule id of the incidents that say that too much comes late; see `GAP_RULE_ID`. */
export const LATE_RULE_ID = 'tocsin:late'

/** What such an incident says of itself. */
export const LATE_RULE: RuleInfo = {
  title: 'Many events come too late to count',
  labels: {},
  annotations: {
    summary:
      '{{ value }} % of the matches of input {{ group.input }} in five minutes came too late: ' +
      'a sender was cut off or has a wrong clock, or late_by and reorder are too small',
  },
  threshold: 'at_least 10 %',
  window: '5m',
  graylogUrl: null,
}

const PERIOD_MS = 300_000
/** Fewer matches say nothing about a share. */
const MATCHES_MIN = 100
const SHARE = 0.1
/** A bout that lasts is told again after so long; what is told within it joins one episode. */
const AGAIN_MS = 3_600_000

interface Counted {
  matches: number
  late: number
}

/**
 * The built-in health rule on the share of late events (design §4.2): matches of each input in
 * periods of `now_ms`, those refused as `late` or `idle` among them. Not the engine's effects: it
 * counts what this process has evaluated, and a replay tells nothing. Inputs are few: one entry
 * each.
 */
export class LateShare {
  readonly #report: Report
  readonly #inputs = new Map<string, Counted>()
  readonly #toldMs = new Map<string, number>()
  #endMs = -Infinity

  constructor(report: Report) {
    this.#report = report
  }

  /** The entry of a slice, or of time alone; with what is to be told when it ends a period. */
  observe(entry: CommitEntry, slice?: Slice): CommitEntry {
    const { nowMs } = entry.body
    const told = nowMs >= this.#endMs ? this.#endPeriod(nowMs) : []
    if (slice !== undefined) this.#count(entry, slice)
    if (told.length === 0) return entry
    const { effects } = entry
    return { ...entry, effects: { ...effects, episodes: [...effects.episodes, ...told] } }
  }

  #count({ effects }: CommitEntry, { partition, matches }: Slice): void {
    const input = inputOfPartition(partition)
    const late = effects.ledger
      .filter(({ reason }) => reason === 'late' || reason === 'idle')
      .reduce((sum, { count }) => sum + Math.max(0, count), 0)
    const counted = this.#inputs.get(input) ?? { matches: 0, late: 0 }
    this.#inputs.set(input, counted)
    counted.matches += matches.reduce((sum, { rows }) => sum + rows.length, 0)
    counted.late += late
    if (late > 0) this.#report({ name: 'input.late', labels: { input }, count: late })
  }

  #endPeriod(nowMs: number): EpisodeChange[] {
    this.#endMs = nowMs + PERIOD_MS
    const told: EpisodeChange[] = []
    for (const [input, { matches, late }] of this.#inputs) {
      if (matches < MATCHES_MIN || late < matches * SHARE) continue
      if (nowMs - (this.#toldMs.get(input) ?? -Infinity) < AGAIN_MS) continue
      this.#toldMs.set(input, nowMs)
      told.push(...changesOf(input, { late, share: Math.round((100 * late) / matches), nowMs }))
    }
    this.#inputs.clear()
    return told
  }
}

function changesOf(
  input: string,
  at: { readonly late: number; readonly share: number; readonly nowMs: number },
): EpisodeChange[] {
  const { late, share, nowMs } = at
  const finding = {
    ruleId: LATE_RULE_ID,
    name: [input, `t:${nowMs}`],
    group: { input },
    startMs: nowMs,
    endMs: nowMs,
    value: share,
    matches: late,
    severity: 'medium' as const,
  }
  return toldAtOnce(finding, nowMs, AGAIN_MS)
}
