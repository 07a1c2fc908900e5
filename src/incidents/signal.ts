import type { StoredChange } from '../model/commit.ts'
import { compareSeverity } from '../model/severity.ts'
import type { Draft } from './draft.ts'
import { TOCSIN } from './draft.ts'
import { movePhase } from './lifecycle.ts'
import { strictestProcedure } from './policy.ts'

/**
 * Brings the signal in line with the number of the incident's episodes that fire: firing exactly
 * while there is one (design §6). Says whether it moved.
 */
export function moveSignal(
  draft: Draft,
  incidentId: string,
  firing: number,
  cause: StoredChange,
): boolean {
  const { signal } = draft.get(incidentId)
  if (signal === 'firing' && firing === 0) clear(draft, incidentId, cause)
  else if (signal === 'clear' && firing > 0) refire(draft, incidentId, cause)
  else return false
  return true
}

function clear(draft: Draft, incidentId: string, cause: StoredChange): void {
  const why =
    cause.change.cause === 'rule_removed' ? 'the rule was removed' : 'no episode fires any more'
  const incident = draft.step(
    incidentId,
    { signal: 'clear', signalsClearMs: draft.nowMs },
    {
      kind: 'signals_cleared',
      actor: TOCSIN,
      text: `The signals cleared: ${why}.`,
      data: factsOf(cause),
    },
  )
  draft.announce(incidentId, 'incident.signals_cleared', { episode: cause.episode })
  // Once a person took it further than identification, a person also closes it.
  if (incident.procedure === 'record' && incident.phase === 'identification') {
    movePhase(draft, incident, { to: 'closed', actor: TOCSIN, reason: 'the signals cleared' })
  }
}

function refire(draft: Draft, incidentId: string, cause: StoredChange): void {
  draft.step(
    incidentId,
    { signal: 'firing', signalsClearMs: null },
    {
      kind: 'refired',
      actor: TOCSIN,
      text: `It fires again, with value ${cause.episode.value}.`,
      data: factsOf(cause),
    },
  )
  draft.announce(incidentId, 'incident.refired', { episode: cause.episode })
}

/** Severity only rises, and what the procedure asks for with it. */
export function raiseSeverity(draft: Draft, incidentId: string, cause: StoredChange): void {
  const { severity, value } = cause.episode
  const incident = draft.get(incidentId)
  const rises = compareSeverity(severity, incident.severity) > 0
  if (!rises && cause.change.change !== 'escalated') return
  const asked = draft.options.policy.procedures[severity]
  const patch = rises ? { severity, procedure: strictestProcedure(incident.procedure, asked) } : {}
  draft.step(incidentId, patch, {
    kind: 'escalated',
    actor: TOCSIN,
    text: rises
      ? `Severity rose from ${incident.severity} to ${severity} at value ${value}.`
      : `An episode reached ${severity} at value ${value}.`,
    data: factsOf(cause),
  })
  if (!rises) return
  const change = { field: 'severity', from: incident.severity, to: severity }
  draft.announce(incidentId, 'incident.identification.updated', { episode: cause.episode, change })
}

/** What a timeline line keeps of the change behind it. */
export function factsOf({ change, episode }: StoredChange): Record<string, unknown> {
  return {
    episodeId: episode.id,
    atMs: change.atMs,
    value: episode.value,
    matches: episode.matches,
    severity: episode.severity,
  }
}
