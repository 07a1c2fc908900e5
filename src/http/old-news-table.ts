import { html, type Html } from './html.ts'
import { ago, badge, group, table } from './page-parts.ts'
import type { StoredEpisode } from './read-model.ts'

/** Episodes that were over when they became known, the latest first. */
export function oldNewsTable(episodes: readonly StoredEpisode[], nowMs: number): Html {
  return table(
    [
      { title: 'Rule' },
      { title: 'Group' },
      { title: 'From' },
      { title: 'To' },
      { title: 'Matches', number: true },
      { title: 'Too late', number: true },
      { title: 'Peak', number: true },
      { title: 'Severity' },
    ],
    episodes.map((episode) => [
      html`<b>${episode.ruleId}</b>`,
      group(episode.group),
      ago(episode.startMs, nowMs),
      ago(episode.endMs, nowMs),
      episode.matches,
      episode.lateMatches,
      episode.peak,
      badge(episode.severity, episode.severity),
    ]),
  )
}
