/**
 * What a threshold must answer, found the slow way: sort everything that was admitted, look at
 * every pair. Shares nothing with src/rules; only to be compared with it.
 */

export interface OracleEvent {
  readonly timeMs: number
  readonly hash: readonly [number, number]
  readonly position: number
  readonly partition: string
  readonly group: string
}

export interface OracleRule {
  readonly atLeast: number
  readonly withinMs: number
  readonly quietMs: number
}

export interface OracleFiring {
  readonly ref: string
  readonly group: string
  readonly atMs: number
  readonly value: number
}

export interface OracleEpisode {
  readonly group: string
  readonly startMs: number
  readonly endMs: number
  readonly matches: number
  readonly firings: number
  readonly peak: number
  readonly value: number
  readonly firstRef: string
  readonly lastRef: string
}

export interface OracleAnswer {
  readonly firings: readonly OracleFiring[]
  readonly episodes: readonly OracleEpisode[]
  /** Admitted events in no episode. */
  readonly below: number
}

export function oracle(events: readonly OracleEvent[], rule: OracleRule): OracleAnswer {
  const firings: OracleFiring[] = []
  const episodes: OracleEpisode[] = []
  let below = 0
  for (const group of new Set(events.map((event) => event.group))) {
    const sorted = events.filter((event) => event.group === group).sort(inOrder)
    const answer = ofGroup(sorted, rule)
    firings.push(...answer.firings)
    episodes.push(...answer.episodes)
    below += answer.below
  }
  return { firings, episodes, below }
}

/**
 * The events of one partition's log that are admitted: none lies further than `slackMs`
 * (reorder + late_by) behind the latest time up to its position.
 */
export function admitted<T extends { readonly timeMs: number }>(
  log: readonly T[],
  slackMs: number,
): T[] {
  return log.filter((event, i) => {
    const latest = Math.max(...log.slice(0, i + 1).map(({ timeMs }) => timeMs))
    return event.timeMs >= latest - slackMs
  })
}

function ofGroup(events: readonly OracleEvent[], rule: OracleRule): OracleAnswer {
  const windows = events.map((end, j) =>
    events.filter((event, i) => i <= j && event.timeMs > end.timeMs - rule.withinMs),
  )
  const firing = windows.map((window) => window.length >= rule.atLeast)
  const runs: number[][] = []
  for (const [j, event] of events.entries()) {
    if (!firing[j]) continue
    const run = runs.at(-1)
    const gap = run === undefined ? Infinity : event.timeMs - events[run.at(-1)!]!.timeMs
    if (gap <= rule.quietMs) run!.push(j)
    else runs.push([j])
  }
  const counted = new Set<OracleEvent>()
  const episodes = runs.map((run) => {
    const inWindows = new Set(run.flatMap((j) => windows[j]!))
    const matches = [...inWindows].filter((event) => !counted.has(event))
    for (const event of matches) counted.add(event)
    return {
      group: events[0]!.group,
      startMs: events[run[0]!]!.timeMs,
      endMs: events[run.at(-1)!]!.timeMs,
      matches: matches.length,
      firings: run.length,
      peak: Math.max(...run.map((j) => windows[j]!.length)),
      value: windows[run.at(-1)!]!.length,
      firstRef: refOf(windows[run[0]!]![0]!),
      lastRef: refOf(events[run.at(-1)!]!),
    }
  })
  const firings = events.flatMap((event, j) =>
    firing[j]
      ? [
          {
            ref: refOf(event),
            group: event.group,
            atMs: event.timeMs,
            value: windows[j]!.length,
          },
        ]
      : [],
  )
  return { firings, episodes, below: events.length - counted.size }
}

function refOf(event: OracleEvent): string {
  return `${event.partition}:${event.position}`
}

function inOrder(a: OracleEvent, b: OracleEvent): number {
  for (const [x, y] of [
    [a.timeMs, b.timeMs],
    [a.hash[0], b.hash[0]],
    [a.hash[1], b.hash[1]],
    [a.position, b.position],
  ] as const) {
    if (x !== y) return x - y
  }
  return a.partition < b.partition ? -1 : a.partition > b.partition ? 1 : 0
}
