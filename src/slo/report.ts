import type { BurnWindow, SloCounts } from './burn-rate.ts'
import {
  BURN_WINDOW_MS,
  BURN_WINDOWS,
  budgetRemaining,
  burnRate,
  errorBudget,
  sliRatio,
} from './burn-rate.ts'
import type { Objective, SloReader } from './objective.ts'

const MINUTE_MS = 60_000

/**
 * What a window says: `no_data` saw no event at all (missing is not bad), `too_few` fewer than the
 * objective's `min_events`; both say nothing, so their ratios are `null`.
 */
type SloState = 'measured' | 'no_data' | 'too_few'

/** Events of one window, and whether they say anything. */
interface SloWindow extends SloCounts {
  readonly state: SloState
}

interface SloBurn extends SloWindow {
  readonly window: BurnWindow
  readonly burnRate: number | null
}

/** Where one objective stands, for the API, the page and `/metrics/slo`. */
export interface SloReport {
  readonly objective: Objective
  /** Share of events that may be bad. */
  readonly errorBudget: number
  /** Everything ever counted: Prometheus counters, which never fall. */
  readonly totals: { readonly good: number; readonly bad: number }
  /** The objective's rolling period. */
  readonly period: SloWindow & {
    readonly fromMs: number
    readonly toMs: number
    /** Share of good events. */
    readonly sli: number | null
    /** 1: nothing of the budget is spent; 0: all is; negative: overspent. */
    readonly errorBudgetRemaining: number | null
    readonly burnRate: number | null
  }
  readonly burn: readonly SloBurn[]
  /** The latest minute of event time with an event; tells stopped traffic from a quiet service. */
  readonly latestMinuteMs: number | null
}

/**
 * Reads where each objective stands at `nowMs`. Windows are whole minutes of event time and end
 * with the minute that holds `nowMs`, so what has been counted shows at once; since they are
 * ratios, the unfinished minute does not bend them. They follow the clock and not the latest
 * event: when traffic stops, a window runs empty instead of burning for ever. For a report over
 * old data pass its end as `nowMs`.
 */
export async function sloReport(
  objectives: readonly Objective[],
  reader: SloReader,
  nowMs: number,
): Promise<SloReport[]> {
  const totals = new Map((await reader.totals()).map((row) => [row.slo, row]))
  const reports: SloReport[] = []
  for (const objective of objectives) {
    const ever = totals.get(objective.id) ?? { total: 0, bad: 0 }
    reports.push(await reportOf(objective, ever, reader, windowEnd(nowMs)))
  }
  return reports
}

/** The end of every window, exclusive: the end of the minute that holds `nowMs`. */
function windowEnd(nowMs: number): number {
  return Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS
}

async function reportOf(
  objective: Objective,
  ever: SloCounts,
  reader: SloReader,
  toMs: number,
): Promise<SloReport> {
  const { id, target } = objective
  const read = async (lengthMs: number): Promise<SloWindow> => {
    const { total, bad } = await reader.window(id, toMs - lengthMs, toMs)
    return { total, bad, state: stateOf(total, objective.minEvents) }
  }
  const period = await read(objective.periodMs)
  const burn: SloBurn[] = []
  for (const window of BURN_WINDOWS) {
    const counts = await read(BURN_WINDOW_MS[window])
    burn.push({ ...counts, window, burnRate: said(counts, () => burnRate(counts, target)) })
  }
  return {
    objective,
    errorBudget: errorBudget(target),
    totals: { good: ever.total - ever.bad, bad: ever.bad },
    period: {
      ...period,
      fromMs: toMs - objective.periodMs,
      toMs,
      sli: said(period, () => sliRatio(period)),
      errorBudgetRemaining: said(period, () => budgetRemaining(period, target)),
      burnRate: said(period, () => burnRate(period, target)),
    },
    burn,
    latestMinuteMs: await reader.latestMinute(id),
  }
}

function stateOf(total: number, minEvents: number): SloState {
  if (total === 0) return 'no_data'
  return total < minEvents ? 'too_few' : 'measured'
}

function said({ state }: SloWindow, figure: () => number | null): number | null {
  return state === 'measured' ? figure() : null
}
