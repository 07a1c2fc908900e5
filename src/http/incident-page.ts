import { isEnded, type Incident } from '../model/incident.ts'
import { readReport, whatFired, type CoreReport, type ReportSample } from './core-report.ts'
import { html, type Html } from './html.ts'
import {
  ago,
  badge,
  empty,
  facts,
  group,
  incidentLink,
  layout,
  section,
  short,
  table,
  utc,
  webLink,
} from './page-parts.ts'
import type { IncidentDetail } from './read-model.ts'

const TIMELINE_SHOWN = 500
const ROWS_SHOWN = 200
const FIELDS_SHOWN = 60

/** The page `/incidents/N`: what fired, who did what, what fired when, who was told. */
export function incidentPage(
  detail: IncidentDetail,
  { nowMs, version }: { readonly nowMs: number; readonly version: string },
): string {
  const { incident } = detail
  const report = readReport(detail.report)
  return layout({
    title: `#${incident.number} ${short(incident.title, 80)}`,
    nowMs,
    version,
    body: html`
      <p><a href="/">← all</a></p>
      <h1>#${incident.number} ${incident.title}</h1>
      <p class="badges">
        ${badge(incident.severity, incident.severity)} ${badge(incident.signal, incident.signal)}
        ${badge('phase', incident.phase.replaceAll('_', ' '))}
        ${incident.mode !== 'real' && badge('phase', incident.mode)} ${group(incident.group)}
      </p>
      ${overview(incident, nowMs)} ${commands(incident)}
      ${section('report', 'What fired', false, fired(report))}
      ${section('timeline', 'Timeline', `${detail.timeline.length}`, timeline(detail, nowMs))}
      ${section('episodes', 'Episodes', `${detail.episodes.length}`, episodes(detail, nowMs))}
      ${section('deliveries', 'Deliveries', `${detail.deliveries.length}`, deliveries(detail, nowMs))}
    `,
  })
}

function overview(incident: Incident, nowMs: number): Html {
  return facts([
    ['Opened', ago(incident.openedMs, nowMs)],
    ['First event', ago(incident.firstEventMs, nowMs)],
    ['Rule', incident.ruleId],
    ['Procedure', incident.procedure],
    [
      'Acknowledged',
      incident.acknowledgedBy === null
        ? badge('warn', 'not yet')
        : html`${incident.acknowledgedBy}, ${ago(incident.acknowledgedMs, nowMs)}`,
    ],
    ...(incident.signalsClearMs === null
      ? []
      : [['Signals clear', ago(incident.signalsClearMs, nowMs)] as const]),
    ...(incident.closedMs === null ? [] : [['Closed', ago(incident.closedMs, nowMs)] as const]),
    ...(incident.dismissal === null
      ? []
      : [['Dismissed as', incident.dismissal.replaceAll('_', ' ')] as const]),
    ...(incident.recurrenceOf === null
      ? []
      : [['Recurrence of', incidentLink(incident.recurrenceOf, incident.recurrenceOf)] as const]),
    ...(Object.keys(incident.labels).length === 0
      ? []
      : [['Labels', group(incident.labels)] as const]),
    ['Version', incident.version],
  ])
}

/** The page only shows; this says how to act. */
function commands(incident: Incident): Html | false {
  if (isEnded(incident.phase)) return false
  const verb = incident.acknowledgedBy === null ? 'ack' : 'note'
  const rest = verb === 'ack' ? '' : ' "what you found"'
  return html`<p class="quiet">
    To act: <code>tocsin incidents ${verb} ${incident.number}${rest}</code>
  </p>`
}

function fired(report: CoreReport | undefined): Html {
  if (report === undefined) return empty('No report was stored.')
  return html`
    ${report.summary !== null && html`<p>${short(report.summary, 2_000)}</p>`}
    ${facts([
      ['Value', whatFired(report) ?? '–'],
      ['Matches', report.matches ?? '–'],
      ...(report.runbook === null
        ? []
        : [['Runbook', webLink(report.runbook, report.runbook)] as const]),
      ...(report.graylogUrl === null
        ? []
        : [['In Graylog', webLink(report.graylogUrl, 'the events')] as const]),
    ])}
    <div class="pairs">
      ${sample('First event', report.firstEvent)} ${sample('Last event', report.lastEvent)}
    </div>
  `
}

function sample(title: string, event: ReportSample | null): Html | false {
  if (event === null) return false
  const { message, timestamp: _, ...fields } = event.fields
  const rest = Object.keys(fields).length - FIELDS_SHOWN
  return html`<div>
    <h3>${title} <span class="quiet">${utc(event.timeMs)}</span></h3>
    ${message !== undefined && html`<pre class="event">${short(String(message), 2_000)}</pre>`}
    ${event.flags.length > 0 && html`<p>${event.flags.map((flag) => badge('warn', flag))}</p>`}
    <table class="fields">
      <tbody>
        ${Object.entries(fields)
          .slice(0, FIELDS_SHOWN)
          .map(
            ([name, value]) =>
              html`<tr>
                <th scope="row">${short(name, 100)}</th>
                <td>${short(String(value), 500)}</td>
              </tr>`,
          )}
      </tbody>
    </table>
    ${rest > 0 && html`<p class="quiet">and ${rest} more fields</p>`}
  </div>`
}

function timeline({ timeline }: IncidentDetail, nowMs: number): Html {
  if (timeline.length === 0) return empty('Nothing has happened yet.')
  // Reversed first: lines of one commit share their time and keep the order that this gives them.
  const newestFirst = timeline.toReversed().toSorted((a, b) => b.atMs - a.atMs)
  const entries = newestFirst.slice(0, TIMELINE_SHOWN)
  const rest = newestFirst.length - entries.length
  return html`<ol class="timeline" reversed>
      ${entries.map(
        (entry) =>
          html`<li>
            <span class="when">${ago(entry.atMs, nowMs)}</span>
            ${badge('phase', entry.kind.replaceAll('_', ' '))} ${short(entry.text, 4_000)}
            <span class="quiet">${entry.actor}</span>
          </li>`,
      )}
    </ol>
    ${rest > 0 && html`<p class="quiet">and ${rest} earlier lines</p>`}`
}

function episodes({ episodes }: IncidentDetail, nowMs: number): Html {
  if (episodes.length === 0) return empty('No episode.')
  return table(
    [
      { title: 'State' },
      { title: 'From' },
      { title: 'To' },
      { title: 'Matches', number: true },
      { title: 'Too late', number: true },
      { title: 'Firings', number: true },
      { title: 'Peak', number: true },
      { title: 'Severity' },
      { title: 'Disposition' },
    ],
    episodes
      .slice(0, ROWS_SHOWN)
      .map((episode) => [
        html`${badge(episode.state === 'open' ? 'firing' : 'clear', episode.state)}
        ${episode.flags.map((flag) => badge('warn', flag))}`,
        ago(episode.startMs, nowMs),
        ago(episode.endMs, nowMs),
        episode.matches,
        episode.lateMatches,
        episode.firings,
        episode.peak,
        badge(episode.severity, episode.severity),
        episode.disposition,
      ]),
  )
}

function deliveries({ deliveries }: IncidentDetail, nowMs: number): Html {
  if (deliveries.length === 0) return empty('Nobody was told: no receiver is configured for it.')
  const kinds = { pending: 'phase', delivered: 'clear', dead: 'bad' } as const
  return table(
    [
      { title: 'State' },
      { title: 'Receiver' },
      { title: 'Event' },
      { title: 'No.', number: true },
      { title: 'Attempts', number: true },
      { title: 'Created' },
      { title: 'Last answer' },
    ],
    deliveries
      .slice(0, ROWS_SHOWN)
      .map((delivery) => [
        badge(kinds[delivery.state], delivery.state),
        delivery.receiver,
        delivery.type,
        delivery.sequence,
        delivery.attempts,
        ago(delivery.createdMs, nowMs),
        html`${delivery.lastStatus} ${delivery.lastReason}
          <span class="quiet">${short(delivery.lastDetail ?? '', 200)}</span>`,
      ]),
  )
}
