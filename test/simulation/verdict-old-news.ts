import type { OracleOldNews } from './oracle-old-news.ts'
import type { World } from './world.ts'

interface EpisodeRow {
  readonly group: string
  readonly startMs: number
  readonly endMs: number
  readonly late: number
}

/** Late events that were read back: recorded once each, noted where they only add, never paged. */
export function checkOldNews(
  world: World,
  ruleId: string,
  expected: OracleOldNews | undefined,
): void {
  const all = <Row>(sql: string): Row[] => world.database.sql.prepare(sql).all() as Row[]
  for (const { id } of all<{ id: string }>(
    `SELECT id FROM episode WHERE rule_id = '${ruleId}' AND recomputed = 1
       AND (incident_id IS NOT NULL OR disposition NOT IN ('old_news', 'merged')
         OR late_matches = 0)`,
  )) {
    world.broken(`the episode ${id} of ${ruleId} was read back and is not mere old news`)
  }
  const left = all(`SELECT id FROM recompute WHERE rule_id = '${ruleId}'`)
  if (left.length > 0) world.broken(`${left.length} groups of ${ruleId} were never read back`)
  if (expected === undefined) return
  const recorded = all<Record<string, string | number>>(
    `SELECT group_key AS "group", start_ms AS startMs, end_ms AS endMs, matches, firings, peak,
       severity FROM episode WHERE rule_id = '${ruleId}' AND recomputed = 1
       AND merged_into IS NULL`,
  )
  const isExact = ({ group }: { readonly group?: unknown }): boolean =>
    !expected.loose.has(String(group))
  const [found, sought] = [
    named(recorded.filter(isExact)),
    named(expected.recorded.filter(isExact)),
  ]
  if (found !== sought) world.broken(`old news of ${ruleId}: found ${found}, expected ${sought}`)
  const loose = recorded.filter((row) => !isExact(row))
  const wholes = expected.recorded.filter((row) => !isExact(row))
  for (const whole of [...wholes, ...expected.noted.filter((row) => !isExact(row))]) {
    const parts = loose.filter(
      ({ group, startMs, endMs }) =>
        group === whole.group && Number(startMs) >= whole.startMs && Number(endMs) <= whole.endMs,
    )
    for (const part of parts) loose.splice(loose.indexOf(part), 1)
    if (parts.length > 0 || !wholes.some((one) => one === whole)) continue
    world.broken(`old news of ${ruleId}: nothing of ${named([whole])} was recorded`)
  }
  if (loose.length > 0) world.broken(`old news of ${ruleId}: ${named(loose)} is unexpected`)
  const real = all<EpisodeRow>(
    `SELECT group_key AS "group", start_ms AS startMs, end_ms AS endMs, late_matches AS late
       FROM episode WHERE rule_id = '${ruleId}' AND recomputed = 0 AND merged_into IS NULL`,
  )
  const noted = new Set<EpisodeRow>()
  for (const { group, startMs, endMs, lateMax } of expected.noted) {
    const inside = real.filter(
      (row) => row.group === group && row.startMs >= startMs && row.endMs <= endMs,
    )
    for (const row of inside) noted.add(row)
    const late = inside.reduce((sum, row) => sum + row.late, 0)
    if (late >= (isExact({ group }) ? 1 : 0) && late <= lateMax) continue
    world.broken(`${late} late matches noted on ${ruleId} ${group}, not between 1 and ${lateMax}`)
  }
  for (const row of real) {
    if (row.late === 0 || noted.has(row)) continue
    world.broken(`${row.late} late matches noted on an episode of ${ruleId} that has none`)
  }
}

function named(rows: readonly object[]): string {
  const names = rows.map((row) =>
    JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  return JSON.stringify(names.sort())
}
