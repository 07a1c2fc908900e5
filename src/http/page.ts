import { compareSeverity } from '../model/severity.ts'
import type { Problem } from '../model/problem.ts'
import type { SloFigures } from '../telemetry/slo-exposition.ts'
import { readReport, whatFired } from './core-report.ts'
import { html, type Html } from './html.ts'
import type { InputWithRate } from './input-rates.ts'
import {
  incidentLink,
  ago,
  badge,
  empty,
  group,
  layout,
  section,
  short,
  table,
} from './page-parts.ts'
import type { IncidentDetail, StoredDelivery } from './read-model.ts'
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
}

/** An input without a record for this long is pointed out. */
const SILENT_MS = 5 * 60_000
const BEHIND_RECORDS = 10_000
const REFRESH_SECONDS = 30
/** A page is read by people; the API lists the rest. */
const RULES_SHOWN = 200
/** One window of each alerting pair; the API has all. */
const BURN_SHOWN = new Set(['5m', '1h', '6h', '3d'])
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
      ${notReady(overview)} ${refusedReload(overview.problems)} ${givenUp(overview)}
      <h1 class="hidden">Overview</h1>
      ${tiles(overview, firing)}
      ${section('incidents', 'Open incidents', more(overview), incidents(overview))}
      ${section('inputs', 'Inputs', false, inputs(overview))}
      ${section('slo', 'Service levels', false, objectives(overview))}
      ${section('rules', 'Rules', `${overview.rules.length} active`, rules(overview))}
    `,
  })
}

function notReady({ ready }: Overview): Html | false {
  if (ready.ready) return false
  return html`<div class="banner bad" role="alert">
    <strong>Not ready.</strong> ${ready.reasons.join('; ')}
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

function inputs({ inputs, nowMs }: Overview): Html {
  if (inputs.length === 0) return empty('No input has delivered anything yet.')
  return table(
    [
      { title: 'Input' },
      { title: 'State' },
      { title: 'Events/s', number: true },
      { title: 'Waiting', number: true },
      { title: 'Last event' },
      { title: 'Complete up to' },
    ],
    inputs.map((input) => [
      html`<b>${input.input}</b> <span class="quiet">${input.partition}</span>`,
      inputState(input, nowMs),
      input.ratePerSecond === null ? '–' : figure(input.ratePerSecond),
      figure(input.backlog),
      ago(input.lastReceivedMs, nowMs),
      html`${ago(input.watermarkMs, nowMs)}
        <span class="quiet">${input.watermarkQuality === 'assumed' && 'assumed'}</span>`,
    ]),
  )
}

function inputState(input: InputWithRate, nowMs: number): Html {
  if (input.backlog > BEHIND_RECORDS) return badge('warn', 'behind')
  if (input.lastReceivedMs === null) return badge('phase', 'nothing yet')
  if (nowMs - input.lastReceivedMs > SILENT_MS) return badge('warn', 'silent')
  return badge('clear', 'receiving')
}

function objectives({ slo }: Overview): Html {
  if (slo.length === 0) return empty('No objective is defined.')
  return table(
    [
      { title: 'Objective' },
      { title: 'Target', number: true },
      { title: 'Reached', number: true },
      { title: 'Budget left' },
      { title: 'Burn rate' },
      { title: 'Events', number: true },
    ],
    slo.map((each) => [
      html`<b>${each.slo}</b> <span class="quiet">${each.service}, ${each.window}</span>`,
      percent(each.target),
      each.sli === null ? '–' : percent(each.sli),
      budget(each.budgetRemaining),
      each.burnRates
        .filter(({ window, rate }) => rate !== null && BURN_SHOWN.has(window))
        .map(
          ({ window, rate }) =>
            html`<span class="pair"><b>${window}</b> ${figure(rate ?? 0)}×</span> `,
        ),
      html`${figure(each.totals.good + each.totals.bad)}
        <span class="quiet">${figure(each.totals.bad)} bad</span>`,
    ]),
  )
}

function budget(remaining: number | null): Html {
  if (remaining === null) return html`<span class="quiet">too few events</span>`
  const kind = remaining <= 0 ? 'bad' : remaining < 0.25 ? 'warn' : 'good'
  const shown = Math.max(0, Math.min(1, remaining))
  return html`<span class="budget ${kind}">
    <meter class="${kind}" min="0" max="1" value="${shown}">${percent(remaining)}</meter>
    ${remaining < -1 ? `overspent ${figure(1 - remaining)}×` : `${(remaining * 100).toFixed(1)} %`}
  </span>`
}

function rules({ rules, nowMs }: Overview): Html {
  if (rules.length === 0) return empty('No rule is active.')
  const inOrder = rules.toSorted((a, b) => (b.lastMatchMs ?? -1) - (a.lastMatchMs ?? -1))
  const rest = rules.length - RULES_SHOWN
  return html`${table(
    [
      { title: 'Rule' },
      { title: 'Severity' },
      { title: 'Health' },
      { title: 'Last match' },
      { title: 'Matches', number: true },
      { title: 'Groups', number: true },
      { title: 'Open', number: true },
    ],
    inOrder
      .slice(0, RULES_SHOWN)
      .map((rule) => [
        html`<b>${rule.id}</b> <span class="quiet">${short(rule.title, 120)}</span>`,
        badge(rule.severity, rule.severity),
        ruleHealth(rule),
        ago(rule.lastMatchMs, nowMs),
        rule.matches === null ? '–' : figure(rule.matches),
        rule.groups === null ? '–' : figure(rule.groups),
        rule.openEpisodes === null ? '–' : figure(rule.openEpisodes),
      ]),
  )}
  ${rest > 0 && html`<p class="quiet">and ${rest} more</p>`}`
}

function ruleHealth(rule: RuleWithFigures): Html {
  const [first] = rule.problems
  if (first !== undefined) {
    return html`${badge('warn', 'warning')} <span class="quiet">${short(first.message, 160)}</span>`
  }
  return rule.mode === 'shadow' ? badge('phase', 'shadow') : badge('clear', 'active')
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toFixed(3))} %`
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`
}

/** A number short enough to read at a glance: `12.3`, `4,210`, `1.2 M`. */
function figure(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`
  if (value >= 100 || Number.isInteger(value)) {
    return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
  }
  return value.toFixed(1)
}
