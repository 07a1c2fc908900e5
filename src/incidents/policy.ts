import type { Procedure } from '../model/incident.ts'
import type { Severity } from '../model/severity.ts'

/** What an organisation decides about its incidents; policy in the config, choice in the evidence. */
export interface IncidentPolicy {
  /** How much of the procedure each severity asks for (design §6). */
  readonly procedures: Readonly<Record<Severity, Procedure>>
  /** An episode that ended longer ago than this when it opens is old news (design §4.2). */
  readonly freshForMs: number
}

export const DEFAULT_POLICY: IncidentPolicy = {
  procedures: { critical: 'full', high: 'full', medium: 'light', low: 'record', info: 'record' },
  freshForMs: 3_600_000,
}

const DEMANDS: readonly Procedure[] = ['record', 'light', 'full']

/** The procedure that asks for more: an incident that grows worse never asks for less. */
export function strictestProcedure(a: Procedure, b: Procedure): Procedure {
  return DEMANDS.indexOf(a) >= DEMANDS.indexOf(b) ? a : b
}
