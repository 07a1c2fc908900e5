import { expect, test } from 'vitest'

import { incidentTimes, summariseTimes } from '../../src/incidents/times.ts'
import type { IncidentCommand } from '../../src/model/command.ts'
import type { Phase } from '../../src/model/incident.ts'
import { change, command, createStore, MINUTE, NOW } from './builders.ts'

/** Opens an incident three minutes after its first event, then asks once a minute. */
function walked(...asked: (Phase | 'acknowledge')[]) {
  const store = createStore()
  const startMs = NOW - 3 * MINUTE
  store.commit({ nowMs: NOW, changes: [change('opened', { startMs })] })
  const incidentId = store.incident(1).id
  for (const [i, each] of asked.entries()) {
    const body: IncidentCommand =
      each === 'acknowledge'
        ? { kind: 'acknowledge', incidentId }
        : { kind: 'advance', incidentId, to: each, reason: 'next' }
    const nowMs = NOW + (i + 1) * MINUTE
    const { results } = store.commit({ nowMs, commands: [command(body)] })
    expect(results).toMatchObject([{ ok: true }])
  }
  return { incident: store.incident(1), timeline: store.timeline }
}

test('a fresh incident has a time to detect and nothing else yet', () => {
  const { incident, timeline } = walked()
  expect(incidentTimes(incident, timeline, null)).toEqual({
    detectMs: 3 * MINUTE,
    notifyMs: null,
    acknowledgeMs: null,
    containMs: null,
    eradicateMs: null,
    recoverMs: null,
    closeMs: null,
  })
})

test('an incident that went the whole way has every time since it opened', () => {
  const { incident, timeline } = walked(
    'acknowledge',
    'containment',
    'eradication',
    'recovery',
    'lessons_learned',
    'closed',
  )
  expect(incidentTimes(incident, timeline, NOW + 400)).toEqual({
    detectMs: 3 * MINUTE,
    notifyMs: 400,
    acknowledgeMs: MINUTE,
    containMs: 3 * MINUTE,
    eradicateMs: 4 * MINUTE,
    recoverMs: 5 * MINUTE,
    closeMs: 6 * MINUTE,
  })
})

test('going back takes the ends of the phases it enters again, not those before', () => {
  const there = ['acknowledge', 'containment', 'eradication', 'recovery'] as const
  const back = walked(...there, 'eradication')
  expect(incidentTimes(back.incident, back.timeline, null)).toMatchObject({
    containMs: 3 * MINUTE,
    eradicateMs: null,
  })
  const again = walked(...there, 'eradication', 'recovery')
  expect(incidentTimes(again.incident, again.timeline, null).eradicateMs).toBe(6 * MINUTE)
})

test('an event whose clock ran ahead of ours leaves the time to detect unknown', () => {
  const { incident, timeline } = walked()
  const ahead = { ...incident, firstEventMs: incident.openedMs + 1 }
  expect(incidentTimes(ahead, timeline, null).detectMs).toBeNull()
})

test.each([
  [[], { count: 0, unknown: 0, meanMs: null, medianMs: null, p90Ms: null }],
  [[null], { count: 0, unknown: 1, meanMs: null, medianMs: null, p90Ms: null }],
  [[5, null, 1, 100], { count: 3, unknown: 1, meanMs: 106 / 3, medianMs: 5, p90Ms: 100 }],
  [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], { count: 10, unknown: 0, meanMs: 5.5, medianMs: 5, p90Ms: 9 }],
])('the times %j are summed up without the unknown ones', (times, summary) => {
  expect(summariseTimes(times)).toEqual(summary)
})
