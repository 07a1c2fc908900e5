import { describe, expect, test } from 'vitest'

import type { Severity } from '../../src/model/severity.ts'
import { DEFAULT_POLICY } from '../../src/incidents/policy.ts'
import { change, command, createStore, HOUR, MINUTE, NOW, RULE } from './builders.ts'

describe('an episode that opens', () => {
  test('opens an incident in identification that fires, and says so at once', () => {
    const store = createStore()
    const firstEvent = {
      ref: 'payments@1:0',
      timeMs: NOW - 3 * MINUTE,
      receivedMs: NOW - 3 * MINUTE,
      flags: [],
      fields: { message: 'POST /pay 503' },
    }
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('opened')],
      evidence: new Map([[firstEvent.ref, firstEvent]]),
    })

    expect(store.incident(1)).toMatchObject({
      number: 1,
      version: 1,
      sequence: 1,
      cycle: 0,
      phase: 'identification',
      signal: 'firing',
      severity: 'high',
      procedure: 'full',
      mode: 'real',
      title: 'Checkout answers with server errors',
      group: { region: 'eu' },
      labels: { team: 'payments' },
      openedMs: NOW,
      firstEventMs: NOW - 3 * MINUTE,
      recurrenceOf: null,
    })
    expect(store.incident(1).openKey).toBe(store.incident(1).dedupHash)
    expect(decision.dispositions).toMatchObject([{ episodeId: 'e1', disposition: 'opened' }])
    expect(decision.timeline).toMatchObject([{ kind: 'opened', atMs: NOW, actor: 'tocsin' }])
    expect(decision.events).toHaveLength(1)
    expect(decision.events[0]).toMatchObject({
      type: 'incident.identification.started',
      sequence: 1,
      atMs: NOW,
      report: {
        rule: { id: 'checkout', title: 'Checkout answers with server errors', revision: 'r1' },
        summary: '20 errors in 5m in eu',
        runbook: 'https://runbooks.example.org/checkout-5xx',
        value: 20,
        threshold: 'at_least 20',
        window: '5m',
        matches: 20,
        firstEvent,
        lastEvent: null,
        graylogUrl:
          'https://graylog.example.org/search?q=region%3Aeu&from=2026-01-15T11%3A57%3A00.000Z',
        change: null,
      },
    })
    expect(decision.deliveries).toMatchObject([{ sequence: 1, receiver: 'desk' }])
  })

  test.each<[Severity, string]>([
    ['critical', 'full'],
    ['high', 'full'],
    ['medium', 'light'],
    ['low', 'record'],
    ['info', 'record'],
  ])('of severity %s asks for the procedure %s', (severity, procedure) => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened', { severity })] })
    expect(store.incident(1).procedure).toBe(procedure)
  })

  test('attaches to the incident that absorbs its rule and group, and to no other', () => {
    const store = createStore()
    store.commit({
      nowMs: NOW,
      changes: [
        change('opened'),
        change('opened', { id: 'e2' }),
        change('opened', { id: 'e3', group: { region: 'us' }, groupKey: '["us"]' }),
      ],
    })
    expect(store.incidents.size).toBe(2)
    expect(store.episodes.get('e2')).toMatchObject({
      disposition: 'attached',
      incidentId: store.incident(1).id,
    })
    expect(store.linesOf(1)).toEqual(['opened', 'episode'])
    expect(store.eventsOf(1)).toEqual(['incident.identification.started'])
    expect(store.incident(1).version).toBe(1)
  })

  test('makes an incident whose signal was clear fire again', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    store.commit({ nowMs: NOW + 1, changes: [change('cleared')] })
    store.commit({ nowMs: NOW + 2, changes: [change('opened', { id: 'e2' })] })
    expect(store.incident(1)).toMatchObject({ signal: 'firing', signalsClearMs: null, version: 3 })
    expect(store.eventsOf(1).at(-1)).toBe('incident.refired')
    expect(store.incident(1).sequence).toBe(3)
  })

  test('raises the severity of the incident it attaches to, never lowers it', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened', { severity: 'low' })] })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2', severity: 'critical' })] })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e3', severity: 'info' })] })
    expect(store.incident(1)).toMatchObject({ severity: 'critical', procedure: 'full' })
    expect(store.eventsOf(1)).toEqual([
      'incident.identification.started',
      'incident.identification.updated',
    ])
  })

  test('that ended longer than fresh_for ago is old news and opens nothing', () => {
    const store = createStore()
    const stale = { endMs: NOW - HOUR - 1, startMs: NOW - 2 * HOUR }
    const fresh = { id: 'e2', group: { region: 'us' }, groupKey: '["us"]', endMs: NOW - HOUR }
    store.commit({ nowMs: NOW, changes: [change('opened', stale), change('opened', fresh)] })
    expect(store.episodes.get('e1')).toMatchObject({ disposition: 'old_news', incidentId: null })
    expect(store.episodes.get('e2')).toMatchObject({ disposition: 'opened' })
    expect(store.events).toHaveLength(1)
  })

  test('as old news opens an incident once it goes on into the present', () => {
    const store = createStore()
    const stale = { endMs: NOW - 2 * HOUR, startMs: NOW - 3 * HOUR }
    const { dispositions } = store.commit({
      nowMs: NOW,
      changes: [change('opened', stale), change('changed', stale)],
    })
    expect(dispositions).toMatchObject([{ disposition: 'old_news' }])
    expect(store.incidents.size).toBe(0)
    store.commit({ nowMs: NOW, changes: [change('changed', { ...stale, endMs: NOW - MINUTE })] })
    expect(store.episodes.get('e1')).toMatchObject({ disposition: 'opened' })
    expect(store.eventsOf(1)).toEqual(['incident.identification.started'])
  })

  test('of a shadow rule leaves a disposition and nothing else', () => {
    const store = createStore()
    const shadow = { ruleId: 'shadow-checkout' }
    store.commit({
      nowMs: NOW,
      changes: [change('opened', shadow), change('escalated', shadow), change('cleared', shadow)],
    })
    expect(store.episodes.get('e1')).toMatchObject({ disposition: 'shadow', incidentId: null })
    expect([store.incidents.size, store.timeline.length, store.events.length]).toEqual([0, 0, 0])
  })

  test('after an incident that no longer absorbs opens a new one that recurs', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened', { severity: 'low' })] })
    store.commit({ nowMs: NOW, changes: [change('cleared', { severity: 'low' })] })
    expect(store.incident(1)).toMatchObject({ phase: 'closed', openKey: null, closedMs: NOW })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2', severity: 'low' })] })
    expect(store.incident(2).recurrenceOf).toBe(store.incident(1).id)
  })

  test('closes and recurs within one commit as it would over several', () => {
    const store = createStore()
    const low = { severity: 'low' } as const
    store.commit({
      nowMs: NOW,
      changes: [
        change('opened', low),
        change('cleared', low),
        change('opened', { id: 'e2', ...low }),
      ],
    })
    expect(store.incident(1)).toMatchObject({ phase: 'closed', version: 1, sequence: 3 })
    expect(store.incident(2).recurrenceOf).toBe(store.incident(1).id)
  })

  test('and had cleared when it was first told opens an incident whose signal is clear', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened', { state: 'cleared' })] })
    expect(store.incident(1)).toMatchObject({ signal: 'clear', phase: 'identification' })
    expect(store.linesOf(1)).toEqual(['opened', 'signals_cleared'])
  })

  test('never lets the procedure ask for less, whatever the policy says of its severity', () => {
    const procedures = { ...DEFAULT_POLICY.procedures, medium: 'full', critical: 'light' } as const
    const store = createStore({ checkout: RULE }, { ...DEFAULT_POLICY, procedures })
    store.commit({ nowMs: NOW, changes: [change('opened', { severity: 'medium' })] })
    store.commit({ nowMs: NOW, changes: [change('escalated', { severity: 'critical' })] })
    expect(store.incident(1)).toMatchObject({ severity: 'critical', procedure: 'full' })
  })

  test('that was adopted keeps its incident and makes it fire again when it was clear', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    store.commit({ nowMs: NOW, changes: [change('opened', { value: 30 })] })
    expect(store.incident(1)).toMatchObject({ version: 1, sequence: 1 })
    store.commit({ nowMs: NOW, changes: [change('settled')] })
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    expect(store.incidents.size).toBe(1)
    expect(store.incident(1)).toMatchObject({ signal: 'firing', version: 3 })
  })
})

describe('an episode that goes on', () => {
  test('by changing touches nothing but a severity that rose', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const quiet = store.commit({ nowMs: NOW, changes: [change('changed', { value: 40 })] })
    expect([quiet.incidents, quiet.timeline, quiet.events]).toEqual([[], [], []])
    store.commit({ nowMs: NOW, changes: [change('changed', { severity: 'critical' })] })
    expect(store.incident(1)).toMatchObject({ severity: 'critical', version: 2 })
  })

  test('by escalating raises the severity and sends an update', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('escalated', { severity: 'critical', value: 50 })],
    })
    expect(decision.timeline).toMatchObject([{ kind: 'escalated' }])
    expect(decision.events).toMatchObject([
      {
        type: 'incident.identification.updated',
        sequence: 2,
        report: { value: 50, change: { field: 'severity', from: 'high', to: 'critical' } },
      },
    ])
  })

  test('by clearing clears the signal only when no other episode fires', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened'), change('opened', { id: 'e2' })] })
    store.commit({ nowMs: NOW, changes: [change('cleared')] })
    expect(store.incident(1).signal).toBe('firing')
    store.commit({ nowMs: NOW + 5, changes: [change('cleared', { id: 'e2' })] })
    expect(store.incident(1)).toMatchObject({ signal: 'clear', signalsClearMs: NOW + 5 })
    expect(store.linesOf(1)).toEqual(['opened', 'episode', 'episode', 'signals_cleared'])
    expect(store.eventsOf(1)).toEqual([
      'incident.identification.started',
      'incident.signals_cleared',
    ])
    const after = store.commit({
      nowMs: NOW,
      changes: [change('settled'), change('settled', { id: 'e2' })],
    })
    expect(after.incidents).toEqual([])
  })

  test('by clearing and firing again in one commit says both, in order, in one row', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [
        change('cleared'),
        change('refired'),
        change('escalated', { severity: 'critical' }),
      ],
    })
    expect(decision.events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ['incident.signals_cleared', 2],
      ['incident.refired', 3],
      ['incident.identification.updated', 4],
    ])
    expect(decision.incidents).toHaveLength(1)
    expect(store.incident(1)).toMatchObject({ version: 2, sequence: 4, signal: 'firing' })
  })

  test('by clearing before another fires again says both, also within one commit', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened'), change('opened', { id: 'e2' })] })
    store.commit({ nowMs: NOW, changes: [change('cleared', { id: 'e2' })] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('cleared'), change('refired', { id: 'e2' })],
    })
    expect(decision.events.map(({ type }) => type)).toEqual([
      'incident.signals_cleared',
      'incident.refired',
    ])
  })

  test('by settling says nothing more of an incident that was clear', () => {
    const store = createStore()
    const second = { id: 'e2' }
    store.commit({ nowMs: NOW, changes: [change('opened'), change('opened', second)] })
    store.commit({ nowMs: NOW, changes: [change('cleared'), change('cleared', second)] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('settled'), change('settled', second, { cause: 'rule_removed' })],
    })
    expect([decision.events, decision.incidents]).toEqual([[], []])
  })

  test('leaves phase and acknowledgement alone when its signals clear', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    store.commit({ nowMs: NOW, changes: [change('cleared')] })
    expect(store.incident(1)).toMatchObject({ phase: 'identification', closedMs: null })
  })

  test('of a record incident closes it when it clears, with the event', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened', { severity: 'info' })] })
    store.commit({ nowMs: NOW, changes: [change('settled', { severity: 'info' })] })
    expect(store.eventsOf(1)).toEqual([
      'incident.identification.started',
      'incident.signals_cleared',
      'incident.closed',
    ])
    expect(store.linesOf(1)).toEqual(['opened', 'signals_cleared', 'closed'])
  })

  test('of a removed rule counts as over and is recorded as such', () => {
    const store = createStore({})
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('settled', {}, { cause: 'rule_removed' })],
    })
    expect(store.incident(1)).toMatchObject({ signal: 'clear', phase: 'identification' })
    expect(decision.dispositions).toMatchObject([
      { episodeId: 'e1', disposition: 'rule_removed', incidentId: store.incident(1).id },
    ])
    expect(decision.events).toMatchObject([{ report: { summary: null, threshold: null } }])
  })
})

describe('episodes that merge', () => {
  test('leave one, and the signal goes on firing', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened'), change('opened', { id: 'e2' })] })
    store.commit({
      nowMs: NOW,
      changes: [change('merged', { id: 'e2' }, { into: 'e1' }), change('changed')],
    })
    expect(store.episodes.get('e2')).toMatchObject({ disposition: 'merged' })
    expect(store.incident(1).signal).toBe('firing')
    expect(store.eventsOf(1)).toEqual(['incident.identification.started'])
  })

  test('do not clear the signal in passing when the survivor fires again', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened'), change('cleared')] })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2' })] })
    const decision = store.commit({
      nowMs: NOW,
      changes: [change('merged', { id: 'e2' }, { into: 'e1' }), change('refired')],
    })
    expect(decision.events).toEqual([])
    expect(store.incident(1).signal).toBe('firing')
  })

  test('that had adopted the same row leave it as it is', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    store.commit({ nowMs: NOW, changes: [change('merged', {}, { into: 'e1' })] })
    expect(store.episodes.get('e1')).toMatchObject({ disposition: 'opened', isMerged: false })
    expect(store.incident(1)).toMatchObject({ signal: 'firing', version: 1 })
  })

  test('bring the survivor of an ended incident to the one where people work', () => {
    const store = createStore()
    const low = { severity: 'low' } as const
    store.commit({ nowMs: NOW, changes: [change('opened', low), change('cleared', low)] })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2', ...low })] })
    store.commit({
      nowMs: NOW,
      changes: [change('merged', { id: 'e2', ...low }, { into: 'e1' }), change('refired', low)],
    })
    expect(store.episodes.get('e1')?.incidentId).toBe(store.incident(2).id)
    expect(store.incident(1)).toMatchObject({ phase: 'closed', signal: 'clear' })
    expect(store.incident(2)).toMatchObject({ phase: 'identification', signal: 'firing' })
  })
})

describe('episodes of two incidents that merge', () => {
  /** Incident 1 was dismissed while e1 fired on; incident 2 opened with e2. */
  function twoIncidents() {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const incidentId = store.incident(1).id
    const dismiss = { kind: 'dismiss', incidentId, as: 'benign', reason: 'known' } as const
    store.commit({ nowMs: NOW, commands: [command(dismiss)] })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2' })] })
    return store
  }

  test('clear the signal of the ended one, whose episode lives on in the other', () => {
    const store = twoIncidents()
    store.commit({
      nowMs: NOW,
      changes: [change('merged', { id: 'e2' }, { into: 'e1' }), change('changed')],
    })
    expect(store.episodes.get('e1')?.incidentId).toBe(store.incident(2).id)
    expect([store.incident(1).signal, store.incident(2).signal]).toEqual(['clear', 'firing'])
    expect(store.linesOf(1)).toEqual(['opened', 'dismissed', 'episode', 'signals_cleared'])
  })

  test('stay where they are while both incidents are still worked on', () => {
    const store = createStore()
    store.commit({ nowMs: NOW, changes: [change('opened')] })
    const incidentId = store.incident(1).id
    const walk = ['containment', 'eradication', 'recovery', 'lessons_learned'] as const
    store.commit({
      nowMs: NOW,
      commands: [
        command({ kind: 'acknowledge', incidentId }),
        ...walk.map((to) => command({ kind: 'advance', incidentId, to })),
      ],
    })
    store.commit({ nowMs: NOW, changes: [change('opened', { id: 'e2' })] })
    store.commit({
      nowMs: NOW,
      changes: [change('merged', { id: 'e2' }, { into: 'e1' }), change('changed')],
    })
    expect(store.episodes.get('e1')?.incidentId).toBe(incidentId)
    const close = command({ kind: 'advance', incidentId, to: 'closed' })
    expect(store.commit({ nowMs: NOW, commands: [close] }).results).toMatchObject([{ ok: true }])
  })

  test('clear the signal of the ended one, whose episode was merged away', () => {
    const store = twoIncidents()
    store.commit({
      nowMs: NOW,
      changes: [change('merged', {}, { into: 'e2' }), change('changed', { id: 'e2' })],
    })
    expect(store.episodes.get('e1')?.incidentId).toBe(store.incident(1).id)
    expect([store.incident(1).signal, store.incident(2).signal]).toEqual(['clear', 'firing'])
    expect(store.eventsOf(1).at(-1)).toBe('incident.signals_cleared')
  })
})

test('commands of a commit see the incident after its episode changes', () => {
  const store = createStore()
  store.commit({ nowMs: NOW, changes: [change('opened')] })
  const { id } = store.incident(1)
  const decision = store.commit({
    nowMs: NOW,
    changes: [change('cleared')],
    commands: [command({ kind: 'acknowledge', incidentId: id }, { expectedVersion: 1 })],
  })
  expect(decision.results).toMatchObject([{ ok: false, reason: 'conflict' }])
})

test('an incident that the store withheld is a broken contract, not a silent miss', () => {
  const store = createStore()
  store.commit({ nowMs: NOW, changes: [change('opened')] })
  store.incidents.clear()
  expect(() => store.commit({ nowMs: NOW, changes: [change('cleared')] })).toThrow(
    'decide was not given incident',
  )
})
