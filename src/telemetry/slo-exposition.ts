import { Counter, Gauge, Registry } from 'prom-client'

/** What one objective says of itself; the rows of `sloReport` fit. */
export interface SloFigures {
  readonly slo: string
  readonly service: string
  /** 0.999 for 99.9 %. */
  readonly target: number
  /** The objective's period as a duration, such as `30d`. */
  readonly window: string
  /** Events ever counted. */
  readonly totals: { readonly good: number; readonly bad: number }
  /** Good share over the period; `null` without enough events. */
  readonly sli: number | null
  /** Share of the error budget that is left, negative when overspent; `null` as above. */
  readonly budgetRemaining: number | null
  readonly burnRates: readonly { readonly window: string; readonly rate: number | null }[]
}

/** Counts are by events, and no maintenance is taken out yet: both are said, not implied. */
const METHOD = { method: 'occurrences', exclusions: 'raw' }

/**
 * The text of `/metrics/slo` (names of incidents-slo.md §3.5). Built anew from the database for
 * each scrape, so any replica answers the same. A figure without data is absent, never 0.
 */
export async function sloExposition(rows: readonly SloFigures[]): Promise<string> {
  const registry = new Registry()
  const registers = [registry]
  const events = new Counter({
    name: 'tocsin_slo_events_total',
    help: 'Events counted for the objective, by outcome.',
    labelNames: ['slo', 'service', 'outcome'],
    registers,
  })
  const perPeriod = (name: string, help: string) =>
    new Gauge({
      name,
      help,
      labelNames: ['slo', 'service', 'window', 'method', 'exclusions'],
      registers,
    })
  const objective = perPeriod('tocsin_slo_objective_ratio', 'Share of events that shall be good.')
  const sli = perPeriod('tocsin_slo_sli_ratio', 'Share of events that were good over the period.')
  const budget = perPeriod(
    'tocsin_slo_error_budget_remaining_ratio',
    'Share of the error budget that is left; negative when it is overspent.',
  )
  const burn = new Gauge({
    name: 'tocsin_slo_burn_rate',
    help: 'Error ratio of the window over the error budget: 1 spends it exactly in its period.',
    labelNames: ['slo', 'window'],
    registers,
  })
  for (const row of rows) {
    const { slo, service, window } = row
    events.inc({ slo, service, outcome: 'good' }, row.totals.good)
    events.inc({ slo, service, outcome: 'bad' }, row.totals.bad)
    const labels = { slo, service, window, ...METHOD }
    objective.set(labels, row.target)
    setKnown(sli, labels, row.sli)
    setKnown(budget, labels, row.budgetRemaining)
    for (const each of row.burnRates) setKnown(burn, { slo, window: each.window }, each.rate)
  }
  return registry.metrics()
}

function setKnown(gauge: Gauge, labels: Record<string, string>, value: number | null): void {
  if (value !== null && Number.isFinite(value)) gauge.set(labels, value)
}
