import type { World } from './world.ts'

interface GapRow {
  readonly partition: string
  readonly from_position: number
  readonly to_position: number
}

/**
 * Every record that the journal lost before it was evaluated is in exactly one `gap` row, no other
 * is, and the incidents tell of all of them (design §4.1).
 */
export function checkGaps(world: World): void {
  const { sql } = world.database
  const rows = sql
    .prepare("SELECT partition, from_position, to_position FROM gap WHERE reason = 'journal'")
    .all() as unknown as GapRow[]
  const found = rows.flatMap(({ partition, from_position: from, to_position: to }) =>
    positions({ partition, from, to }),
  )
  const lost = world.journal.lost.flatMap(positions)
  const [a, b] = [found.sort().join(' '), lost.sort().join(' ')]
  if (a !== b) world.broken(`the gap rows say that ${a} are lost; the journal lost ${b}`)
  const told = sql
    .prepare(
      `SELECT coalesce(sum(episode.matches), 0) AS n FROM episode
       JOIN incident ON incident.id = episode.incident_id
       WHERE episode.rule_id = 'tocsin:gap' AND episode.state = 'settled'`,
    )
    .get() as { n: number }
  if (told.n !== lost.length) {
    world.broken(`incidents tell of ${told.n} lost records, the journal lost ${lost.length}`)
  }
}

function positions(range: {
  readonly partition: string
  readonly from: number
  readonly to: number
}): string[] {
  const { partition, from, to } = range
  return Array.from({ length: to - from }, (_, i) => `${partition}:${from + i}`)
}
