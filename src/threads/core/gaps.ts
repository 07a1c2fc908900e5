import type { RuleInfo } from '../../incidents/rule-info.ts'
import { derivedName } from '../../lib/canonical.ts'
import type { CommitEntry, Gap, GapReason } from '../../model/commit.ts'
import type { Episode, EpisodeChange } from '../../model/episode.ts'
import { groupKey } from '../../model/group.ts'
import type { Report } from '../../model/occurrence.ts'
import { inputOfPartition, recordRef } from '../../model/slab.ts'
import type { Slice } from '../../rules/engine.ts'

/**
 * Rule ids of the incidents that say what is missing, and what such an incident says of itself. A
 * colon keeps them apart from users' rules.
 */
export const GAP_RULES: Readonly<Record<string, RuleInfo>> = {
  'tocsin:gap': gapRule(
    'Records are missing from the journal',
    '{{ value }} records of {{ group.partition }} were gone before they were evaluated',
  ),
  'tocsin:gap-retention': gapRule(
    'Kafka dropped records before they were read',
    '{{ value }} offsets of {{ group.partition }} were dropped before they were read',
  ),
  'tocsin:gap-truncated': gapRule(
    'Kafka lost records that had been read',
    'the log of {{ group.partition }} ends {{ value }} offsets before what was read of it',
  ),
  'tocsin:gap-recreated': gapRule(
    'A Kafka topic was made anew',
    'what the former topic of {{ group.partition }} held and was not read is lost',
  ),
}

const RULE_OF: Readonly<Record<GapReason, string>> = {
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
  return withToldGaps(entry, gapsOf(slice), report)
}

/** An entry that says what is missing, and opens a system incident for each gap. */
export function withToldGaps(
  entry: CommitEntry,
  gaps: readonly Gap[],
  report: Report,
): CommitEntry {
  if (gaps.length === 0) return entry
  const { nowMs } = entry.body
  const told = gaps.flatMap((gap) => changesOf(gap, nowMs))
  for (const gap of gaps) {
    const labels = { input: inputOfPartition(gap.partition) }
    report({ name: 'core.gap_found', labels, count: gap.to - gap.from, detail: { ...gap } })
  }
  const { effects } = entry
  return { ...entry, gaps, effects: { ...effects, episodes: [...effects.episodes, ...told] } }
}

function gapsOf({ partition, from, matches }: Slice): Gap[] {
  const gaps: Gap[] = []
  let at = from
  for (const { count, isHole } of matches) {
    if (isHole === true) gaps.push({ partition, from: at, to: at + count, reason: 'journal' })
    at += count
  }
  return gaps
}

/** It happened and is over: the incident stays for people, its signal is clear. */
function changesOf({ partition, from, to, reason }: Gap, nowMs: number): EpisodeChange[] {
  const count = to - from
  const ruleId = RULE_OF[reason]
  const episode: Episode = {
    id: derivedName(ruleId, partition, String(from), String(to)),
    ruleId,
    ruleRev: 'system',
    group: { partition },
    groupKey: groupKey([partition]),
    state: 'open',
    startMs: nowMs,
    endMs: nowMs,
    matches: count,
    firings: 1,
    peak: count,
    value: count,
    severity: 'high',
    openedRef: recordRef(partition, from),
    firstRef: recordRef(partition, from),
    lastRef: recordRef(partition, Math.max(from, to - 1)),
    flags: [],
  }
  const at = { atMs: nowMs, quietMs: 0 }
  return [
    { change: 'opened', episode, ...at },
    { change: 'settled', episode: { ...episode, state: 'settled' }, ...at },
  ]
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
