import type { CommandRequest, CommandResult, IncidentCommand } from '../model/command.ts'
import type { Incident, Phase } from '../model/incident.ts'
import { absorbs, isEnded } from '../model/incident.ts'
import type { Draft } from './draft.ts'
import { isNamedPerson, missingFor } from './gates.ts'
import { movePhase, transitionsOf } from './lifecycle.ts'

/** Longest note or reason, in UTF-16 code units: a page of text, not an attachment. */
const TEXT_MAX = 16_384

/** A sentence that says why not; nothing when the command was applied. */
type Refusal = string | undefined

type Apply<K extends IncidentCommand['kind']> = (
  draft: Draft,
  incident: Incident,
  command: Extract<IncidentCommand, { kind: K }>,
  actor: string,
) => Refusal

/**
 * Applies what a person asked, after the episode changes of the same commit: a command that was
 * given against an older version is refused as `conflict`, and one that a gate or the phase does
 * not allow as `refused`, with what is missing. A refused command changes nothing.
 */
export function applyCommand(draft: Draft, request: CommandRequest): CommandResult {
  const { id, command, actor, expectedVersion } = request
  const incident = draft.find(command.incidentId)
  if (incident === undefined) {
    const message = `there is no incident ${JSON.stringify(command.incidentId)}`
    return { id, ok: false, reason: 'not_found', message }
  }
  if (expectedVersion !== undefined && expectedVersion !== incident.version) {
    const message = `incident ${incident.number} has version ${incident.version}, not ${expectedVersion}: read it again, then decide`
    return { id, ok: false, reason: 'conflict', message }
  }
  const apply = APPLY[command.kind] as Apply<IncidentCommand['kind']>
  const refusal = apply(draft, incident, command, actor)
  if (refusal !== undefined) return { id, ok: false, reason: 'refused', message: refusal }
  return { id, ok: true, incidentId: incident.id, version: draft.get(incident.id).version }
}

const acknowledge: Apply<'acknowledge'> = (draft, incident, _command, actor) => {
  if (isEnded(incident.phase)) return `incident ${incident.number} is ${incident.phase} already`
  if (!isNamedPerson(actor)) return 'an acknowledgement needs the name of a person'
  if (incident.acknowledgedBy !== null) {
    return `incident ${incident.number} was acknowledged by ${incident.acknowledgedBy} already`
  }
  draft.step(
    incident.id,
    { acknowledgedMs: draft.nowMs, acknowledgedBy: actor },
    { kind: 'acknowledged', actor, text: `Acknowledged by ${actor}.` },
  )
  return undefined
}

/** Also on an incident that ended: what was learnt later belongs to its history. */
const note: Apply<'note'> = (draft, incident, { text }, actor) => {
  if (text.trim() === '') return 'a note needs a text'
  const tooLong = refuseLong('note', text)
  if (tooLong !== undefined) return tooLong
  draft.step(incident.id, {}, { kind: 'note', actor, text })
  return undefined
}

const advance: Apply<'advance'> = (draft, incident, { to, reason }, actor) => {
  const tooLong = refuseLong('reason', reason)
  if (tooLong !== undefined) return tooLong
  const open = transitionsOf(incident).filter(({ kind }) => kind !== 'dismiss')
  const transition = open.find((candidate) => candidate.to === to)
  if (transition === undefined) return refuseMove(incident, to, open)
  const missing = missingFor({ incident, transition, reason })
  if (missing.length > 0) return sentence(missing)
  const isBack = transition.kind === 'back'
  if (isBack && !absorbs(incident.phase)) {
    // Two incidents may never absorb the same episodes (design §5).
    const other = draft.absorbing(incident.dedupHash)
    if (other !== undefined) {
      return `incident ${incident.number} cannot go back to ${to}: incident ${other.number} has opened for the same rule and group since`
    }
  }
  const patch = isBack ? { cycle: incident.cycle + 1 } : {}
  movePhase(draft, incident, { to, actor, reason: clean(reason), patch })
  return undefined
}

const dismiss: Apply<'dismiss'> = (draft, incident, { as, reason }, actor) => {
  const tooLong = refuseLong('reason', reason)
  if (tooLong !== undefined) return tooLong
  const transition = transitionsOf(incident).find(({ kind }) => kind === 'dismiss')
  if (transition === undefined) {
    return `incident ${incident.number} is in ${incident.phase}: only an incident in identification can be dismissed`
  }
  const missing = missingFor({ incident, transition, reason })
  if (missing.length > 0) return sentence(missing)
  const patch = { dismissal: as }
  movePhase(draft, incident, { to: transition.to, actor, reason: clean(reason), patch })
  return undefined
}

const APPLY: { readonly [K in IncidentCommand['kind']]: Apply<K> } = {
  acknowledge,
  note,
  advance,
  dismiss,
}

function refuseMove(
  incident: Incident,
  to: Phase,
  open: readonly { readonly to: Phase }[],
): Refusal {
  const place = `incident ${incident.number} is in ${incident.phase}`
  if (open.length === 0) return `${place}, which is final`
  return `${place} and cannot go to ${to}; from here it can go to ${open.map((move) => move.to).join(', ')}`
}

function refuseLong(what: string, text: string | undefined): Refusal {
  const length = text?.length ?? 0
  if (length <= TEXT_MAX) return undefined
  return `the ${what} has ${length} characters, more than ${TEXT_MAX}`
}

function clean(reason: string | undefined): string | undefined {
  const text = reason?.trim()
  return text === '' ? undefined : text
}

function sentence(missing: readonly string[]): string {
  return missing.join('; ')
}
