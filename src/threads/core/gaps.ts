import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { CommitEntry, Gap, LogGapReason } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import type { Report } from '../../model/occurrence.ts'
import { inputOfPartition, recordRef } from '../../model/slab.ts'
import type { Slice } from '../../rules/engine.ts'
import { toldAtOnce } from './system-episode.ts'

/**
 * Rule ids of the incidents that say what is missing, and what such an incident says of itself. A
 * colon keeps them apart from users' rules.
 */
export const GAP_RULES: Readonly<Record<string, RuleInfo>> = {
  'tocsin:gap': gapRule(
    'Records are missing from the journal',
    '{{ value }} records of {{ group.partition }} from {{ group.from }} on were gone before ' +
      'they were evaluated',
  ),
  'tocsin:gap-retention': gapRule(
    'Kafka dropped records before they were read',
    '{{ value }} offsets of {{ group.partition }} from {{ group.from }} on were dropped before ' +
      'they were read',
  ),
  'tocsin:gap-truncated': gapRule(
    'Kafka lost records that had been read',
    'the log of {{ group.partition }} ends at {{ group.from }}, {{ value }} offsets before what ' +
      'was read of it',
  ),
  'tocsin:gap-recreated': gapRule(
    'A Kafka topic was made anew',
    'what the former topic of {{ group.partition }} held from {{ group.from }} on is lost',
  ),
}

/** A gap with an exact range. */
export type Hole = Gap & { readonly reason: 'journal' | LogGapReason }

const RULE_OF: Readonly<Record<Hole['reason'], string>> = {
  journal: 'tocsin:gap',
  retention: 'tocsin:gap-retention',
  truncated: 'tocsin:gap-truncated',
  recreated: 'tocsin:gap-recreated',
}

/**
 * An entry whose slabs have holes says so (design §4.1): a `gap` row with the exact range and a
 * system incident, while work goes on. Not the engine's effects: the hash stays as it was.
 */
export function withGaps(entry: CommitEntry, slice: Slice, report: Report): CommitEntry {
  const gaps = gapsOf(slice)
  if (gaps.length === 0) return entry
  return withTold(entry, { gaps, told: changesOf(gaps, entry.body.nowMs), report })
}

/** An entry that opens logs says what each lacks, in an incident of its own. */
export function withLogGaps(
  entry: CommitEntry,
  gaps: readonly Hole[],
  report: Report,
): CommitEntry {
  if (gaps.length === 0) return entry
  const told = gaps.flatMap((gap) => changesOf([gap], entry.body.nowMs))
  return withTold(entry, { gaps, told, report })
}

function withTold(
  entry: CommitEntry,
  {
    gaps,
    told,
    report,
  }: {
    readonly gaps: readonly Hole[]
    readonly told: readonly EpisodeChange[]
    readonly report: Report
  },
): CommitEntry {
  for (const gap of gaps) {
    const labels = { input: inputOfPartition(gap.partition) }
    report({ name: 'core.gap_found', labels, count: gap.to - gap.from, detail: { ...gap } })
  }
  const { effects } = entry
  return { ...entry, gaps, effects: { ...effects, episodes: [...effects.episodes, ...told] } }
}

function gapsOf({ partition, from, matches }: Slice): Hole[] {
  const gaps: Hole[] = []
  let at = from
  for (const { count, isHole } of matches) {
    if (isHole === true) gaps.push({ partition, from: at, to: at + count, reason: 'journal' })
    at += count
  }
  return gaps
}

/**
 * It happened and is over: the incident stays for people, its signal is clear. One episode tells of
 * all holes of an entry; the position is in its group, because two episodes of one group at one
 * time would be taken for the same (I5), and a clock that was set back makes many times one.
 */
function changesOf(gaps: readonly Hole[], nowMs: number): EpisodeChange[] {
  const { partition, from, reason } = gaps[0]!
  const ruleId = RULE_OF[reason]
  const { to } = gaps.at(-1)!
  const count = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  const finding = {
    ruleId,
    name: [partition, String(from), String(to)],
    group: { partition, from: String(from) },
    startMs: nowMs,
    endMs: nowMs,
    value: count,
    firstRef: recordRef(partition, from),
    lastRef: recordRef(partition, Math.max(from, to - 1)),
  }
  return toldAtOnce(finding, nowMs)
}

function gapRule(title: string, summary: string): RuleInfo {
  return {
    title,
    labels: {},
    annotations: { summary },
    threshold: null,
    window: null,
    graylogUrl: null,
  }
}
