import { formatDuration } from './model/duration.ts'
import type { SloReport } from './slo/report.ts'
import type { SloFigures } from './telemetry/slo-exposition.ts'

/** A report as `/metrics/slo`, the API and the page show it. */
export function sloFigures({ objective, totals, period, burn }: SloReport): SloFigures {
  return {
    slo: objective.id,
    service: objective.service,
    target: objective.target,
    window: formatDuration(objective.periodMs),
    totals,
    sli: period.sli,
    budgetRemaining: period.errorBudgetRemaining,
    burnRates: burn.map(({ window, burnRate }) => ({ window, rate: burnRate })),
  }
}
