import type { RuleSpec } from './rule-spec.ts'

export interface OracleEvent {
  readonly timeMs: number
  /** JSON array of the group's values. */
  readonly group: string
}

export interface OracleEpisode {
  readonly group: string
  readonly startMs: number
  readonly endMs: number
  readonly matches: number
  readonly firings: number
  readonly peak: number
  readonly severity: string
}

const HOUR_MS = 3_600_000

/**
 * Episodes over admitted events: every event with enough others in (t − within, t] before it
 * fires; firings no further apart than the quiet period are one episode; an event belongs to the
 * first episode of which some firing's window holds it.
 */
export function episodesOf(
  events: readonly OracleEvent[],
  rule: RuleSpec,
): { readonly episodes: readonly OracleEpisode[]; readonly counts: ReadonlyMap<string, number> } {
  const episodes: OracleEpisode[] = []
  const counts = new Map<string, number>()
  const count = (as: string, timeMs: number): void => {
    const name = `${as} ${Math.floor(timeMs / HOUR_MS) * HOUR_MS}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const group of new Set(events.map((event) => event.group))) {
    const sorted = events
      .filter((event) => event.group === group)
      .sort((a, b) => a.timeMs - b.timeMs)
    const { found, counted } = ofGroup(sorted, rule)
    episodes.push(...found)
    for (const event of sorted) count(counted.has(event) ? 'episode ' : 'below ', event.timeMs)
  }
  return { episodes, counts }
}

function ofGroup(
  events: readonly OracleEvent[],
  rule: RuleSpec,
): { readonly found: OracleEpisode[]; readonly counted: ReadonlySet<OracleEvent> } {
  const atLeast = rule.threshold?.atLeast ?? 1
  const windows = events.map((end, j) =>
    rule.threshold === null
      ? [end]
      : events.filter((e, i) => i <= j && e.timeMs > end.timeMs - rule.threshold!.withinMs),
  )
  const runs: number[][] = []
  for (const [j, { timeMs }] of events.entries()) {
    if (windows[j]!.length < atLeast) continue
    const run = runs.at(-1)
    if (run !== undefined && timeMs - events[run.at(-1)!]!.timeMs <= rule.quietMs) run.push(j)
    else runs.push([j])
  }
  const counted = new Set<OracleEvent>()
  const found = runs.map((run) => {
    const matches = new Set(run.flatMap((j) => windows[j]!).filter((e) => !counted.has(e)))
    for (const event of matches) counted.add(event)
    const peak = Math.max(...run.map((j) => windows[j]!.length))
    return {
      group: events[0]!.group,
      startMs: events[run[0]!]!.timeMs,
      endMs: events[run.at(-1)!]!.timeMs,
      matches: matches.size,
      firings: run.length,
      peak,
      severity: rule.critical !== null && peak >= rule.critical ? 'critical' : rule.severity,
    }
  })
  return { found, counted }
}
