import type { Incident, Phase, Procedure } from '../model/incident.ts'
import { isEnded } from '../model/incident.ts'
import type { Draft } from './draft.ts'

/**
 * `forward` one phase of the procedure, `back` to an earlier one (a new cycle), `shortcut` to the
 * end for procedures that ask for no more, `dismiss` from identification.
 */
export type TransitionKind = 'forward' | 'back' | 'shortcut' | 'dismiss'

export interface Transition {
  readonly from: Phase
  readonly to: Phase
  readonly kind: TransitionKind
  /** The procedures that allow it. */
  readonly procedures: readonly Procedure[]
}

const ALL: readonly Procedure[] = ['full', 'light', 'record']
/** These ask for an acknowledgement and an outcome, not for the phases in between (design §6). */
const SHORT: readonly Procedure[] = ['light', 'record']

/**
 * Every move an incident's phase can make; what is not here does not happen
 * (`reference/incidents-slo.md` §3.7). `closed`, `dismissed` and `merged` are final: what fires
 * later opens a new incident.
 */
export const TRANSITIONS: readonly Transition[] = [
  { from: 'identification', to: 'containment', kind: 'forward', procedures: ALL },
  { from: 'containment', to: 'eradication', kind: 'forward', procedures: ALL },
  { from: 'eradication', to: 'recovery', kind: 'forward', procedures: ALL },
  { from: 'recovery', to: 'lessons_learned', kind: 'forward', procedures: ALL },
  { from: 'lessons_learned', to: 'closed', kind: 'forward', procedures: ALL },

  { from: 'containment', to: 'identification', kind: 'back', procedures: ALL },
  { from: 'eradication', to: 'identification', kind: 'back', procedures: ALL },
  { from: 'eradication', to: 'containment', kind: 'back', procedures: ALL },
  { from: 'recovery', to: 'identification', kind: 'back', procedures: ALL },
  { from: 'recovery', to: 'containment', kind: 'back', procedures: ALL },
  { from: 'recovery', to: 'eradication', kind: 'back', procedures: ALL },
  { from: 'lessons_learned', to: 'identification', kind: 'back', procedures: ALL },
  { from: 'lessons_learned', to: 'containment', kind: 'back', procedures: ALL },
  { from: 'lessons_learned', to: 'eradication', kind: 'back', procedures: ALL },
  { from: 'lessons_learned', to: 'recovery', kind: 'back', procedures: ALL },

  { from: 'identification', to: 'closed', kind: 'shortcut', procedures: SHORT },
  { from: 'containment', to: 'closed', kind: 'shortcut', procedures: SHORT },
  { from: 'eradication', to: 'closed', kind: 'shortcut', procedures: SHORT },
  { from: 'recovery', to: 'closed', kind: 'shortcut', procedures: SHORT },

  { from: 'identification', to: 'dismissed', kind: 'dismiss', procedures: ALL },
]

/** The moves open to an incident from where it stands, whatever its gates say. */
export function transitionsOf(
  incident: Pick<Incident, 'phase' | 'procedure'>,
): readonly Transition[] {
  return TRANSITIONS.filter(
    ({ from, procedures }) => from === incident.phase && procedures.includes(incident.procedure),
  )
}

/**
 * Moves the phase, writes the line and sends the event: `.closed`, `.dismissed` or
 * `.phase_changed`. Whether the move is allowed was decided before.
 */
export function movePhase(
  draft: Draft,
  incident: Incident,
  move: {
    readonly to: Phase
    readonly actor: string
    readonly reason?: string | undefined
    /** Values that change with the phase. */
    readonly patch?: Partial<Incident>
  },
): Incident {
  const { to, actor, reason } = move
  const from = incident.phase
  const because = reason === undefined ? '.' : `: ${reason}`
  const kind = to === 'closed' || to === 'dismissed' ? to : 'phase_changed'
  const moved = draft.step(
    incident.id,
    { ...move.patch, phase: to, ...(isEnded(to) ? { closedMs: draft.nowMs } : {}) },
    {
      kind,
      actor,
      text: `${SENTENCES[kind](from, to)}${because}`,
      data: { from, to, ...(reason === undefined ? {} : { reason }) },
    },
  )
  const change = {
    field: 'phase',
    from,
    to,
    cycle: String(moved.cycle),
    actor,
    ...(moved.dismissal === null ? {} : { dismissal: moved.dismissal }),
    ...(reason === undefined ? {} : { reason }),
  }
  draft.announce(incident.id, `incident.${kind}`, { change })
  return moved
}

const SENTENCES = {
  closed: (from: Phase) => `Closed from ${from}`,
  dismissed: (from: Phase) => `Dismissed from ${from}`,
  phase_changed: (from: Phase, to: Phase) => `Moved from ${from} to ${to}`,
} as const
