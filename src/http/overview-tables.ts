import type { SloFigures } from '../telemetry/slo-exposition.ts'
import { html, type Html } from './html.ts'
import type { InputWithRate } from './input-rates.ts'
import { ago, badge, empty, figure, percent, short, table } from './page-parts.ts'
import type { RuleWithFigures } from './rules-with-figures.ts'

/** A page is read by people; the API lists the rest. */
const RULES_SHOWN = 200
/** One window of each alerting pair; the API has all. */
const BURN_SHOWN = new Set(['5m', '1h', '6h', '3d'])

/** Where events come from, how fast and how far behind. */
export function inputTable(inputs: readonly InputWithRate[], nowMs: number): Html {
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
  const since = input.disconnectedSinceMs ?? input.silentSinceMs
  const sinceText =
    since === null ? '' : html`<span class="quiet">since ${ago(since, nowMs)}</span>`
  if (input.state === 'waiting') return badge('phase', 'nothing yet')
  if (input.state === 'receiving') return badge('clear', 'receiving')
  return html`${badge('warn', input.state)} ${sinceText}`
}

/** Where each objective stands. */
export function objectiveTable(slo: readonly SloFigures[]): Html {
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

/** Rules by their last match, the latest first. */
export function ruleTable(rules: readonly RuleWithFigures[], nowMs: number): Html {
  if (rules.length === 0) return empty('No rule is active.')
  // Those that may be wrong first, whenever they matched.
  const place = ({ unverified, lastMatchMs }: RuleWithFigures): number =>
    unverified === null ? (lastMatchMs ?? -1) : Infinity
  const inOrder = rules.toSorted((a, b) => compare(place(b), place(a)))
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
        ruleHealth(rule, nowMs),
        ago(rule.lastMatchMs, nowMs),
        rule.matches === null ? '–' : figure(rule.matches),
        rule.groups === null ? '–' : figure(rule.groups),
        rule.openEpisodes === null ? '–' : figure(rule.openEpisodes),
      ]),
  )}
  ${rest > 0 && html`<p class="quiet">and ${rest} more</p>`}`
}

/** Also of two that are infinite. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function ruleHealth(rule: RuleWithFigures, nowMs: number): Html {
  if (rule.unverified !== null) {
    const { cause } = rule.unverified
    return html`${badge('warn', 'unverified')} <span class="quiet">${short(cause, 160)}</span>`
  }
  if (rule.warmingUntilMs !== null) {
    const untilText = ago(rule.warmingUntilMs, nowMs)
    return html`${badge('warn', 'warming')}
      <span class="quiet">records are missing; right again ${untilText}</span>`
  }
  const [first] = rule.problems
  if (first !== undefined) {
    return html`${badge('warn', 'warning')} <span class="quiet">${short(first.message, 160)}</span>`
  }
  return rule.mode === 'shadow' ? badge('phase', 'shadow') : badge('clear', 'active')
}
