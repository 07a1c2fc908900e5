import { html, type Html } from './html.ts'
import { ago, badge, figure, table } from './page-parts.ts'
import type { StoredGap } from './read-model.ts'

const REASONS: Readonly<Record<StoredGap['reason'], string>> = {
  down: 'Tocsin did not listen',
  disconnected: 'no sender was connected',
  dropped: 'there was no room for them',
  journal: 'gone from the journal before they were evaluated',
  retention: 'gone from the topic before they were read',
  truncated: 'the topic lost what had been read of it',
  recreated: 'the topic was deleted and made anew',
}

/** What is missing, and since when; what lasts is pointed out. */
export function gapTable(gaps: readonly StoredGap[], nowMs: number): Html {
  return table(
    [
      { title: 'Input' },
      { title: 'Why' },
      { title: 'From' },
      { title: 'For' },
      { title: 'Records', number: true },
    ],
    gaps.map(({ input, reason, fromMs, toMs, records }) => [
      html`<b>${input}</b>`,
      REASONS[reason],
      ago(fromMs, nowMs),
      toMs === null ? badge('warn', 'it lasts') : lengthOf(toMs - fromMs),
      records === 0 ? html`<span class="quiet">unknown</span>` : figure(records),
    ]),
  )
}

/** A hole is a range, not a time. */
function lengthOf(ms: number): string {
  return ms === 0 ? '–' : `${figure(ms / 1_000)} s`
}
