import { html, type Html } from './html.ts'
import { ago, badge, figure, table } from './page-parts.ts'
import type { StoredGap } from './read-model.ts'

const REASONS: Readonly<Record<StoredGap['reason'], string>> = {
  down: 'Tocsin did not listen',
  disconnected: 'no sender was connected',
  dropped: 'there was no room for them',
  journal: 'gone from the journal before they were evaluated',
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
      toMs === null ? badge('warn', 'it lasts') : lengthOf(reason, toMs - fromMs),
      records === 0 ? html`<span class="quiet">unknown</span>` : figure(records),
    ]),
  )
}

function lengthOf(reason: StoredGap['reason'], ms: number): string {
  return reason === 'journal' ? '–' : `${figure(ms / 1_000)} s`
}
