const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Events of a window, as they were counted: every ratio is made from these, never from ratios. */
export interface SloCounts {
  readonly total: number
  readonly bad: number
}

/** Windows that burn rates are published for, as dashboards expect them. */
export const BURN_WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const

export type BurnWindow = (typeof BURN_WINDOWS)[number]

export const BURN_WINDOW_MS: Readonly<Record<BurnWindow, number>> = {
  '5m': 5 * 60_000,
  '30m': 30 * 60_000,
  '1h': HOUR_MS,
  '2h': 2 * HOUR_MS,
  '6h': 6 * HOUR_MS,
  '1d': DAY_MS,
  '3d': 3 * DAY_MS,
}

/** When both windows burn faster than the factor, `budgetSpent` of the period's budget is at stake. */
export interface BurnAlert {
  readonly severity: 'page' | 'ticket'
  readonly budgetSpent: number
  readonly long: BurnWindow
  readonly short: BurnWindow
}

/** The pairs of the SRE Workbook, ch. 5 (`reference/incidents-slo.md` §3.4); any one fires. */
export const BURN_ALERTS: readonly BurnAlert[] = [
  { severity: 'page', budgetSpent: 0.02, long: '1h', short: '5m' },
  { severity: 'page', budgetSpent: 0.05, long: '6h', short: '30m' },
  { severity: 'ticket', budgetSpent: 0.1, long: '1d', short: '2h' },
  { severity: 'ticket', budgetSpent: 0.1, long: '3d', short: '6h' },
]

const DEFAULT_PERIOD_MS = 30 * DAY_MS

/** `budgetSpent × period ÷ long window`: 14.4, 6, 3 and 1 over 30 days. */
export function burnFactor(alert: BurnAlert, periodMs: number = DEFAULT_PERIOD_MS): number {
  return decimal((alert.budgetSpent * periodMs) / BURN_WINDOW_MS[alert.long])
}

/** 0.001 for a target of 0.999: the share of events that may be bad. */
export function errorBudget(target: number): number {
  return decimal(1 - target)
}

/**
 * How many times faster than allowed the budget is spent: error ratio ÷ error budget. `null`
 * without events: nothing was seen, which is neither good nor bad.
 */
export function burnRate(counts: SloCounts, target: number): number | null {
  return counts.total === 0 ? null : counts.bad / (counts.total * errorBudget(target))
}

/** Share of good events; `null` without events. */
export function sliRatio({ total, bad }: SloCounts): number | null {
  return total === 0 ? null : (total - bad) / total
}

/** 1 when nothing of the period's budget is spent, 0 when all is, negative beyond; `null` without events. */
export function budgetRemaining(counts: SloCounts, target: number): number | null {
  const burn = burnRate(counts, target)
  return burn === null ? null : 1 - burn
}

/**
 * Whether the window burns faster than the factor. Compared as whole numbers, so a window that
 * burns exactly at the factor does not exceed it by a rounding error.
 */
export function burnsFasterThan(factor: number, counts: SloCounts, target: number): boolean {
  if (counts.total === 0) return false
  const allowed = scaled(factor) * scaled(errorBudget(target)) * BigInt(counts.total)
  return BigInt(counts.bad) * SCALE * SCALE > allowed
}

/**
 * The pairs that can never fire for a target: even if every event were bad, the burn rate
 * 1 ÷ error budget would not exceed their factor.
 */
export function deadBurnFactors(
  target: number,
  periodMs: number = DEFAULT_PERIOD_MS,
): readonly { readonly alert: BurnAlert; readonly factor: number }[] {
  const allBad = { total: 1, bad: 1 }
  return BURN_ALERTS.map((alert) => ({ alert, factor: burnFactor(alert, periodMs) })).filter(
    ({ factor }) => !burnsFasterThan(factor, allBad, target),
  )
}

/** Targets and factors are written with few decimals; nine keep them exact. */
const SCALE = 1_000_000_000n

function scaled(value: number): bigint {
  return BigInt(Math.round(value * Number(SCALE)))
}

/** The number as written: 1 − 0.999 is 0.001, not 0.0010000000000000009. */
function decimal(value: number): number {
  return Math.round(value * 1e12) / 1e12
}
