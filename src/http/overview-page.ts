import { compareSeverity } from '../model/severity.ts'
import type { Problem } from '../model/problem.ts'
import type { SloFigures } from '../telemetry/slo-exposition.ts'
import { readReport, whatFired } from './core-report.ts'
import { html, type Html } from './html.ts'
import { gapTable } from './gap-table.ts'
import { BEHIND_RECORDS } from './input-rates.ts'
import type { InputWithRate } from './input-rates.ts'
import { inputTable, objectiveTable, ruleTable } from './overview-tables.ts'
import {
  ago,
  badge,
  empty,
  figure,
  group,
  incidentLink,
  layout,
  plural,
  section,
  short,
} from './page-parts.ts'
import { oldNewsTable } from './old-news-table.ts'
import type { IncidentDetail, StoredDelivery, StoredEpisode, StoredGap } from './read-model.ts'
import type { RuleWithFigures } from './rules-with-figures.ts'

/** Everything the overview shows, read before anything is rendered. */
export interface Overview {
  readonly nowMs: number
  readonly version: string
  readonly ready: { readonly ready: boolean; readonly reasons: readonly string[] }
  readonly problems: readonly Problem[]
  readonly incidents: readonly IncidentDetail[]
  /** Open ones beyond those shown. */
  readonly moreIncidents: boolean
  readonly inputs: readonly InputWithRate[]
  readonly rules: readonly RuleWithFigures[]
  readonly slo: readonly SloFigures[]
  /** The latest deliveries that were given up. */
  readonly dead: readonly StoredDelivery[]
  /** The latest episodes that were over when they became known. */
  readonly oldNews: readonly StoredEpisode[]
  /** The latest of what is missing. */
  readonly gaps: readonly StoredGap[]
}

const REFRESH_SECONDS = 30
const PROBLEMS_SHOWN = 20

/** The page at `/`: what an SRE needs at a glance. */
export function overviewPage(overview: Overview): string {
  const firing = overview.incidents.filter(({ incident }) => incident.signal === 'firing').length
  return layout({
    title: firing > 0 ? `(${firing}) Tocsin` : 'Tocsin',
    nowMs: overview.nowMs,
    version: overview.version,
    refreshSeconds: REFRESH_SECONDS,
    body: html`
      ${notReady(overview)} ${unverified(overview.rules)} ${refusedReload(overview.problems)}
      ${givenUp(overview)}
      <h1 class="hidden">Overview</h1>
      ${tiles(overview, firing)}
      ${section('incidents', 'Open incidents', more(overview), incidents(overview))}
      ${oldNews(overview)}
      ${section('inputs', 'Inputs', false, inputTable(overview.inputs, overview.nowMs))}
      ${gaps(overview)} ${section('slo', 'Service levels', false, objectiveTable(overview.slo))}
      ${section('rules', 'Rules', `${overview.rules.length} active`, ruleTable(overview.rules, overview.nowMs))}
    `,
  })
}

function notReady({ ready }: Overview): Html | false {
  if (ready.ready) return false
  return html`<div class="banner bad" role="alert">
    <strong>Not ready.</strong> ${ready.reasons.join('; ')}
  </div>`
}

function unverified(rules: readonly RuleWithFigures[]): Html | false {
  const marked = rules.filter((rule) => rule.unverified !== null)
  if (marked.length === 0) return false
  const named = marked.slice(0, PROBLEMS_SHOWN).map(({ id }) => id)
  const rest = marked.length - named.length
  return html`<div class="banner warn" role="alert">
    <strong>Rules that may be wrong:</strong> ${named.join(', ')}${rest > 0 && ` and ${rest} more`}.
    Tocsin contradicted itself about them and goes on; edit them, or confirm them once looked at.
  </div>`
}

function refusedReload(problems: readonly Problem[]): Html | false {
  if (problems.length === 0) return false
  const lines = problems.slice(0, PROBLEMS_SHOWN).map((problem) => {
    const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined)
    return html`<li>
      <code>${place.join(':')}</code> ${short(problem.message, 500)}
      <span class="quiet">[${problem.code}]</span>
    </li>`
  })
  const rest = problems.length - lines.length
  return html`<div class="banner warn" role="alert">
    <strong>The last reload was refused;</strong> what ran before it still runs.
    <ul>
      ${lines}
    </ul>
    ${rest > 0 && html`<p>and ${rest} more</p>`}
  </div>`
}

function givenUp({ dead, nowMs }: Overview): Html | false {
  if (dead.length === 0) return false
  return html`<div class="banner bad" role="alert">
    <strong>Deliveries were given up:</strong> these receivers were not told.
    <ul>
      ${dead.map(
        (each) =>
          html`<li>
            ${each.receiver}: ${each.type}, ${ago(each.createdMs, nowMs)}
            <span class="quiet">${each.lastStatus} ${each.lastReason}</span>
            ${incidentLink(each.incidentId, 'incident')}
          </li>`,
      )}
    </ul>
  </div>`
}

/** Nobody was paged for these; without any there is nothing to look at. */
function oldNews({ oldNews, nowMs }: Overview): Html | false {
  if (oldNews.length === 0) return false
  return section('old-news', 'Old news', 'nobody was told', oldNewsTable(oldNews, nowMs))
}

/** Without any there is nothing to look at. */
function gaps({ gaps, nowMs }: Overview): Html | false {
  if (gaps.length === 0) return false
  return section('gaps', 'What is missing', 'the latest; the API lists all', gapTable(gaps, nowMs))
}

function tiles(overview: Overview, firing: number): Html {
  const overspent = overview.slo.filter((each) => (each.budgetRemaining ?? 1) <= 0).length
  const perSecond = overview.inputs.reduce((sum, each) => sum + (each.ratePerSecond ?? 0), 0)
  const backlog = overview.inputs.reduce((sum, each) => sum + each.backlog, 0)
  const tile = (kind: string, figure: string, text: string, target: string): Html =>
    html`<a class="tile ${kind}" href="${target}"><b>${figure}</b> <span>${text}</span></a>`
  const incidents = `${overview.incidents.length}${overview.moreIncidents ? '+' : ''}`
  return html`<div class="tiles">
    ${tile(firing > 0 ? 'bad' : 'good', incidents, `open ${plural(overview.incidents.length, 'incident')}, ${firing} firing`, '#incidents')}
    ${tile(backlog > BEHIND_RECORDS ? 'warn' : 'good', figure(perSecond), 'events per second', '#inputs')}
    ${tile(
      overspent > 0 ? 'bad' : 'good',
      String(overview.slo.length),
      overspent > 0
        ? `${plural(overview.slo.length, 'objective')}, ${overspent} overspent`
        : `${plural(overview.slo.length, 'objective')} within budget`,
      '#slo',
    )}
    ${tile(
      overview.problems.length > 0 ? 'warn' : 'good',
      String(overview.rules.length),
      overview.problems.length > 0
        ? `${plural(overview.rules.length, 'rule')}, reload refused`
        : `${plural(overview.rules.length, 'rule')} active`,
      '#rules',
    )}
  </div>`
}

function more({ moreIncidents }: Overview): string | false {
  return moreIncidents && 'the newest are shown; the API lists all'
}

function incidents({ incidents, nowMs }: Overview): Html {
  if (incidents.length === 0) return empty('No incident is open.')
  const inOrder = incidents.toSorted(
    (a, b) =>
      compareSeverity(b.incident.severity, a.incident.severity) ||
      b.incident.openedMs - a.incident.openedMs,
  )
  return html`<div class="cards">${inOrder.map((detail) => incidentCard(detail, nowMs))}</div>`
}

function incidentCard({ incident, report, episodes }: IncidentDetail, nowMs: number): Html {
  const core = readReport(report)
  const fired = core === undefined ? null : whatFired(core)
  const last = core?.lastEvent ?? null
  return html`<article class="card ${incident.severity}">
    <h3>${incidentLink(incident.number, `#${incident.number} ${short(incident.title, 160)}`)}</h3>
    <p class="badges">
      ${badge(incident.severity, incident.severity)} ${badge(incident.signal, incident.signal)}
      ${badge('phase', incident.phase.replaceAll('_', ' '))}
      ${incident.mode !== 'real' && badge('phase', incident.mode)}
      ${
        incident.acknowledgedBy === null
          ? badge('warn', 'not acknowledged')
          : html`<span class="quiet">taken by ${incident.acknowledgedBy}</span>`
      }
    </p>
    <p>
      ${group(incident.group)}
      <span class="quiet">opened ${ago(incident.openedMs, nowMs)} by ${incident.ruleId}</span>
    </p>
    ${fired !== null && html`<p class="fired">${fired}</p>`}
    ${last !== null && html`<pre class="event">${short(String(last.fields['message'] ?? ''), 300)}</pre>`}
    ${episodes.length > 1 && html`<p class="quiet">${episodes.length} episodes</p>`}
  </article>`
}
