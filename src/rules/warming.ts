import type { Rule } from './rule.ts'

/**
 * How long a rule may be wrong after records were missing, in event time: windows that reach into
 * the hole hold too little for `within`; a firing that was missed may have been what held an
 * episode together for the quiet period; and that is final another `late_by` later.
 */
export function warmingMs(rule: Pick<Rule, 'detector' | 'quietMs' | 'lateByMs'>): number {
  const { detector, quietMs, lateByMs } = rule
  const withinMs = detector.kind === 'threshold' ? detector.withinMs : 0
  return withinMs + quietMs + lateByMs
}
