import type { Incident, Phase } from '../model/incident.ts'
import { TOCSIN } from './draft.ts'
import type { Transition, TransitionKind } from './lifecycle.ts'

/** What is asked when someone wants to move an incident. */
export interface GateRequest {
  readonly incident: Incident
  readonly transition: Transition
  readonly reason: string | undefined
}

/** Says as a sentence what is missing, or nothing when it holds. */
type Requirement = (request: GateRequest) => string | undefined

const acknowledged: Requirement = ({ incident }) =>
  isNamedPerson(incident.acknowledgedBy)
    ? undefined
    : `incident ${incident.number} must be acknowledged by a named person first`

const reasonFor =
  (what: string): Requirement =>
  ({ reason }) =>
    (reason ?? '').trim() === '' ? `${what} needs a reason` : undefined

/**
 * What must hold before an incident leaves a phase forward. The record that
 * `reference/incidents-slo.md` §3.7 asks for in each phase is added here, line by line.
 */
const LEAVING: Readonly<Record<Phase, readonly Requirement[]>> = {
  identification: [acknowledged],
  containment: [],
  eradication: [],
  recovery: [],
  lessons_learned: [],
  closed: [],
  dismissed: [],
  merged: [],
}

/** What each kind of move asks besides. */
const MOVING: Readonly<Record<TransitionKind, readonly Requirement[]>> = {
  forward: [],
  back: [reasonFor('going back to an earlier phase')],
  shortcut: [acknowledged, reasonFor('closing it at once (the outcome)')],
  dismiss: [reasonFor('dismissing it')],
}

/** Everything that is missing for a move, as sentences; empty when the gate is open. */
export function missingFor(request: GateRequest): readonly string[] {
  const { kind, from } = request.transition
  const leaving = kind === 'forward' || kind === 'shortcut' ? LEAVING[from] : []
  const missing = [...leaving, ...MOVING[kind]].map((requirement) => requirement(request))
  return [...new Set(missing.filter((sentence) => sentence !== undefined))]
}

/** A name that stands for a person: not empty, and not Tocsin itself. */
export function isNamedPerson(actor: string | null): boolean {
  return actor !== null && actor.trim() !== '' && actor !== TOCSIN
}
