import { episodesOf } from './oracle-episodes.ts'
import type { OracleEpisode, OracleEvent } from './oracle-episodes.ts'
import type { RuleSpec } from './rule-spec.ts'

/** What late events must have come to in the end, when all of them were read back. */
export interface OracleOldNews {
  /** Episodes that nobody would know of without them. */
  readonly recorded: readonly OracleEpisode[]
  /**
   * Groups that fired before the rule was there: how far back that is followed is not promised, so
   * of their episodes only a part may be recorded.
   */
  readonly loose: ReadonlySet<string>
  /** Where they only add to what is known: the stretch of time, and how many there are at most. */
  readonly noted: readonly {
    readonly group: string
    readonly startMs: number
    readonly endMs: number
    readonly lateMax: number
  }[]
}

/**
 * Everything counts as if it had come in time. An episode that holds a late event then is recorded
 * when it overlaps none that is known, and otherwise noted on the one that it overlaps.
 */
export function oldNewsOf(
  rule: RuleSpec,
  events: {
    readonly admitted: readonly OracleEvent[]
    readonly refused: readonly OracleEvent[]
    /** Of the time before the rule was there: in the journal, but never asked for by themselves. */
    readonly earlier: readonly OracleEvent[]
  },
): OracleOldNews {
  const { admitted, refused, earlier } = events
  const known = episodesOf(admitted, rule).episodes
  const recorded: OracleEpisode[] = []
  const noted: OracleOldNews['noted'][number][] = []
  for (const episode of episodesOf([...earlier, ...admitted, ...refused], rule).episodes) {
    const lateMax = lateIn(episode, refused, [...earlier, ...admitted, ...refused], rule)
    if (lateMax === 0) continue
    const { group, startMs, endMs } = episode
    const overlaps = known.some(
      (other) => other.group === group && other.startMs <= endMs && other.endMs >= startMs,
    )
    if (overlaps) noted.push({ group, startMs, endMs, lateMax })
    else recorded.push(episode)
  }
  return { recorded, noted, loose: new Set(earlier.map(({ group }) => group)) }
}

/** Late events in the window of some firing of the episode. */
function lateIn(
  { group, startMs, endMs }: OracleEpisode,
  refused: readonly OracleEvent[],
  all: readonly OracleEvent[],
  rule: RuleSpec,
): number {
  const atLeast = rule.threshold?.atLeast ?? 1
  const sorted = all.filter((e) => e.group === group).sort((a, b) => a.timeMs - b.timeMs)
  const held = new Set<OracleEvent>()
  for (const [j, end] of sorted.entries()) {
    if (end.timeMs < startMs || end.timeMs > endMs) continue
    const window =
      rule.threshold === null
        ? [end]
        : sorted.filter((e, i) => i <= j && e.timeMs > end.timeMs - rule.threshold!.withinMs)
    if (window.length >= atLeast) for (const event of window) held.add(event)
  }
  return refused.filter((event) => held.has(event)).length
}
