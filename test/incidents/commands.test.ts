import { describe, expect, test } from 'vitest'

import { TRANSITIONS } from '../../src/incidents/lifecycle.ts'
import type { IncidentCommand } from '../../src/model/command.ts'
import { DISMISSALS, PHASES } from '../../src/model/incident.ts'
import type { Severity } from '../../src/model/severity.ts'
import { change, command, createStore, NOW } from './builders.ts'
import type { MemoryStore } from './memory-store.ts'

function opened(severity: Severity = 'high'): MemoryStore {
  const store = createStore()
  store.commit({ nowMs: NOW, changes: [change('opened', { severity })] })
  return store
}

/** A command of an incident whose id is filled in by {@link ask}. */
type Asked = IncidentCommand extends infer C
  ? C extends IncidentCommand
    ? Omit<C, 'incidentId'>
    : never
  : never

function ask(store: MemoryStore, asked: Asked, more: { actor?: string; number?: number } = {}) {
  const incidentId = store.incident(more.number ?? 1).id
  const request = command(
    { ...asked, incidentId },
    {
      actor: more.actor ?? 'anna',
    },
  )
  return store.commit({ nowMs: NOW + 1000, commands: [request] }).results[0]!
}

function walkTo(store: MemoryStore, phase: (typeof PHASES)[number]): void {
  ask(store, { kind: 'acknowledge' })
  for (const to of PHASES.slice(1, PHASES.indexOf(phase) + 1)) {
    expect(ask(store, { kind: 'advance', to })).toMatchObject({ ok: true })
  }
}

describe('acknowledge', () => {
  test('names who took it, and when, on the incident and its timeline', () => {
    const store = opened()
    expect(ask(store, { kind: 'acknowledge' })).toMatchObject({ ok: true, version: 2 })
    expect(store.incident(1)).toMatchObject({
      acknowledgedBy: 'anna',
      acknowledgedMs: NOW + 1000,
      phase: 'identification',
    })
    expect(store.timeline.at(-1)).toMatchObject({ kind: 'acknowledged', actor: 'anna' })
    expect(store.events).toHaveLength(1)
  })

  test.each(['', '  ', 'tocsin'])('is refused to %j, who is nobody', (actor) => {
    expect(ask(opened(), { kind: 'acknowledge' }, { actor })).toMatchObject({
      ok: false,
      reason: 'refused',
      message: 'an acknowledgement needs the name of a person',
    })
  })

  test('is refused a second time, naming the first', () => {
    const store = opened()
    ask(store, { kind: 'acknowledge' })
    expect(ask(store, { kind: 'acknowledge' }, { actor: 'bert' })).toMatchObject({
      ok: false,
      message: 'incident 1 was acknowledged by anna already',
    })
    expect(store.incident(1)).toMatchObject({ acknowledgedBy: 'anna', version: 2 })
  })
})

test('an incident that ended is not acknowledged any more', () => {
  const store = opened('low')
  store.commit({ nowMs: NOW, changes: [change('cleared', { severity: 'low' })] })
  expect(ask(store, { kind: 'acknowledge' })).toMatchObject({
    ok: false,
    message: 'incident 1 is closed already',
  })
})

describe('note', () => {
  test('is appended as it was written, also after the end', () => {
    const store = opened()
    ask(store, { kind: 'dismiss', as: 'test', reason: 'a drill of ours' })
    expect(ask(store, { kind: 'note', text: '<b>late</b>\nthought' })).toMatchObject({ ok: true })
    expect(store.timeline.at(-1)).toMatchObject({ kind: 'note', text: '<b>late</b>\nthought' })
  })

  test.each([
    [' \n', 'a note needs a text'],
    ['x'.repeat(16_385), 'the note has 16385 characters, more than 16384'],
  ])('is refused when it says nothing or too much', (text, message) => {
    expect(ask(opened(), { kind: 'note', text })).toMatchObject({ ok: false, message })
  })
})

describe('advance', () => {
  test('needs an acknowledgement to leave identification, and says so', () => {
    const store = opened()
    expect(ask(store, { kind: 'advance', to: 'containment' })).toMatchObject({
      ok: false,
      reason: 'refused',
      message: 'incident 1 must be acknowledged by a named person first',
    })
    expect(store.incident(1).version).toBe(1)
  })

  test('walks the whole procedure phase by phase and closes', () => {
    const store = opened()
    walkTo(store, 'closed')
    expect(store.incident(1)).toMatchObject({ phase: 'closed', closedMs: NOW + 1000, cycle: 0 })
    expect(store.eventsOf(1)).toEqual([
      'incident.identification.started',
      'incident.phase_changed',
      'incident.phase_changed',
      'incident.phase_changed',
      'incident.phase_changed',
      'incident.closed',
    ])
    expect(store.events.at(1)).toMatchObject({
      sequence: 2,
      report: {
        rule: { id: 'checkout' },
        change: { field: 'phase', from: 'identification', to: 'containment', actor: 'anna' },
      },
    })
  })

  test('never skips a phase of the full procedure', () => {
    const store = opened()
    ask(store, { kind: 'acknowledge' })
    expect(ask(store, { kind: 'advance', to: 'closed', reason: 'done' })).toMatchObject({
      ok: false,
      message:
        'incident 1 is in identification and cannot go to closed; from here it can go to containment',
    })
  })

  test.each<Severity>(['medium', 'low'])(
    'closes an acknowledged incident of severity %s at once, with its outcome',
    (severity) => {
      const store = opened(severity)
      expect(ask(store, { kind: 'advance', to: 'closed' })).toMatchObject({
        ok: false,
        message:
          'incident 1 must be acknowledged by a named person first; closing it at once (the outcome) needs a reason',
      })
      ask(store, { kind: 'acknowledge' })
      const closing = { kind: 'advance', to: 'closed', reason: 'a deploy, rolled back' } as const
      expect(ask(store, closing)).toMatchObject({ ok: true })
      expect(store.events.at(-1)).toMatchObject({
        type: 'incident.closed',
        report: { change: { reason: 'a deploy, rolled back' } },
      })
    },
  )

  test('goes back only with a reason, and begins another cycle', () => {
    const store = opened()
    walkTo(store, 'recovery')
    expect(ask(store, { kind: 'advance', to: 'containment', reason: ' ' })).toMatchObject({
      ok: false,
      message: 'going back to an earlier phase needs a reason',
    })
    const back = { kind: 'advance', to: 'containment', reason: 'it spread' } as const
    expect(ask(store, back)).toMatchObject({ ok: true })
    expect(store.incident(1)).toMatchObject({ phase: 'containment', cycle: 1 })
    expect(store.timeline.at(-1)?.text).toBe('Moved from recovery to containment: it spread')
  })

  test('gives the open key up at lessons_learned and takes it again on the way back', () => {
    const store = opened()
    walkTo(store, 'lessons_learned')
    expect(store.incident(1).openKey).toBeNull()
    ask(store, { kind: 'advance', to: 'recovery', reason: 'not over' })
    expect(store.incident(1).openKey).toBe(store.incident(1).dedupHash)
  })

  test('does not go back over an incident that opened since', () => {
    const store = opened()
    walkTo(store, 'lessons_learned')
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2' })] })
    expect(store.incident(2).recurrenceOf).toBe(store.incident(1).id)
    const back = { kind: 'advance', to: 'recovery', reason: 'not over' } as const
    expect(ask(store, back)).toMatchObject({
      ok: false,
      message:
        'incident 1 cannot go back to recovery: incident 2 has opened for the same rule and group since',
    })
  })

  test('takes the key over in one commit only after it was given up', () => {
    const store = opened()
    walkTo(store, 'lessons_learned')
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2' })] })
    const [first, second] = [store.incident(1).id, store.incident(2).id]
    const decision = store.commit({
      nowMs: NOW,
      commands: [
        command({ kind: 'note', incidentId: first, text: 'the same again' }),
        command({ kind: 'dismiss', incidentId: second, as: 'duplicate', reason: 'of 1' }),
        command({ kind: 'advance', incidentId: first, to: 'recovery', reason: 'not over' }),
      ],
    })
    expect(decision.results.map((result) => result.ok)).toEqual([true, true, true])
    expect(decision.incidents.map((incident) => incident.number)).toEqual([2, 1])
  })

  test.each(['closed', 'dismissed', 'merged'] as const)('goes nowhere from %s', (phase) => {
    expect(TRANSITIONS.filter(({ from }) => from === phase)).toEqual([])
  })

  test('never dismisses: that has its own command', () => {
    const store = opened()
    expect(ask(store, { kind: 'advance', to: 'dismissed', reason: 'x' })).toMatchObject({
      ok: false,
      reason: 'refused',
    })
  })
})

describe('dismiss', () => {
  test.each(DISMISSALS)('ends an incident as %s, with a reason', (as) => {
    const store = opened()
    expect(ask(store, { kind: 'dismiss', as, reason: '' })).toMatchObject({
      ok: false,
      message: 'dismissing it needs a reason',
    })
    expect(ask(store, { kind: 'dismiss', as, reason: 'seen' })).toMatchObject({ ok: true })
    expect(store.incident(1)).toMatchObject({
      phase: 'dismissed',
      dismissal: as,
      openKey: null,
      closedMs: NOW + 1000,
    })
    expect(store.events.at(-1)).toMatchObject({
      type: 'incident.dismissed',
      report: { change: { dismissal: as, reason: 'seen' } },
    })
  })

  test('is possible from identification only', () => {
    const store = opened()
    walkTo(store, 'containment')
    expect(ask(store, { kind: 'dismiss', as: 'benign', reason: 'x' })).toMatchObject({
      ok: false,
      message: 'incident 1 is in containment: only an incident in identification can be dismissed',
    })
  })
})

describe('a command', () => {
  test('for an incident that is not there is not found', () => {
    const store = opened()
    const request = command({ kind: 'acknowledge', incidentId: 'nosuch' })
    expect(store.commit({ nowMs: NOW, commands: [request] }).results).toEqual([
      { id: request.id, ok: false, reason: 'not_found', message: 'there is no incident "nosuch"' },
    ])
  })

  test('against an older version is a conflict and changes nothing', () => {
    const store = opened()
    const incidentId = store.incident(1).id
    const first = command({ kind: 'acknowledge', incidentId }, { expectedVersion: 1 })
    const second = command(
      { kind: 'dismiss', incidentId, as: 'benign', reason: 'x' },
      { expectedVersion: 1 },
    )
    const { results } = store.commit({ nowMs: NOW, commands: [first, second] })
    expect(results).toEqual([
      { id: first.id, ok: true, incidentId, version: 2 },
      {
        id: second.id,
        ok: false,
        reason: 'conflict',
        message: 'incident 1 has version 2, not 1: read it again, then decide',
      },
    ])
    expect(store.incident(1).phase).toBe('identification')
  })
})
