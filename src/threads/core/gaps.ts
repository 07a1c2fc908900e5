import type { RuleInfo } from '../../incidents/rule-info.ts'
import { derivedName } from '../../lib/canonical.ts'
import type { CommitEntry, Gap } from '../../model/commit.ts'
import type { Episode, EpisodeChange } from '../../model/episode.ts'
import { groupKey } from '../../model/group.ts'
import type { Report } from '../../model/occurrence.ts'
import { inputOfPartition, recordRef } from '../../model/slab.ts'
import type { Slice } from '../../rules/engine.ts'

/** Rule id of the incidents that say what is missing; a colon keeps it apart from users' rules. */
export const GAP_RULE_ID = 'tocsin:gap'

/** What such an incident says of itself. */
export const GAP_RULE: RuleInfo = {
  title: 'Records are missing from the journal',
  labels: {},
  annotations: {
    summary:
      '{{ value }} records of {{ group.partition }} from {{ group.from }} on were gone before ' +
      'they were evaluated',
  },
  threshold: null,
  window: null,
  graylogUrl: null,
}

/**
 * An entry whose slabs have holes says so (design §4.1): a `gap` row with the exact range and a
 * system incident, while work goes on. Not the engine's effects: the hash stays as it was.
 */
export function withGaps(entry: CommitEntry, slice: Slice, report: Report): CommitEntry {
  const gaps = gapsOf(slice)
  if (gaps.length === 0) return entry
  const told = changesOf(gaps, entry.body.nowMs)
  for (const gap of gaps) {
    const labels = { input: inputOfPartition(gap.partition) }
    report({ name: 'core.gap_found', labels, count: gap.to - gap.from, detail: { ...gap } })
  }
  const { effects } = entry
  return { ...entry, gaps, effects: { ...effects, episodes: [...effects.episodes, ...told] } }
}

type Hole = Gap & { readonly reason: 'journal' }

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
  const { partition, from } = gaps[0]!
  const { to } = gaps.at(-1)!
  const count = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0)
  const episode: Episode = {
    id: derivedName(GAP_RULE_ID, partition, String(from), String(to)),
    ruleId: GAP_RULE_ID,
    ruleRev: 'system',
    group: { partition, from: String(from) },
    groupKey: groupKey([partition, String(from)]),
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
    lastRef: recordRef(partition, to - 1),
    flags: [],
  }
  const at = { atMs: nowMs, quietMs: 0 }
  return [
    { change: 'opened', episode, ...at },
    { change: 'settled', episode: { ...episode, state: 'settled' }, ...at },
  ]
}
