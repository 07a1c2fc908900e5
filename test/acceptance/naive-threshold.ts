/** An episode of a threshold rule, as far as counting can tell it. */
export interface NaiveEpisode {
  readonly startMs: number
  readonly endMs: number
  readonly matches: number
  readonly firings: number
}

/** What docs/reference/rules.md says of a threshold rule, worked out the slow way for one group. */
export function episodesOf(
  times: readonly number[],
  rule: { readonly atLeast: number; readonly withinMs: number; readonly quietMs: number },
): NaiveEpisode[] {
  const sorted = [...times].sort((a, b) => a - b)
  const isInWindow = (at: number, endMs: number): boolean =>
    at > endMs - rule.withinMs && at <= endMs
  const firings = sorted.filter(
    (end, i) => sorted.slice(0, i + 1).filter((at) => isInWindow(at, end)).length >= rule.atLeast,
  )
  const runs: number[][] = []
  for (const firing of firings) {
    const last = runs.at(-1)
    if (last !== undefined && firing - last.at(-1)! <= rule.quietMs) last.push(firing)
    else runs.push([firing])
  }
  return runs.map((run) => ({
    startMs: run[0]!,
    endMs: run.at(-1)!,
    matches: sorted.filter((at) => run.some((firing) => isInWindow(at, firing))).length,
    firings: run.length,
  }))
}
