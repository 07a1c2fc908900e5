import { describe, expect, it } from 'vitest'

import type { CommitEntry, Effects, LogEntry } from '../../../src/model/commit.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import { effectsHash, ruleHashes } from '../../../src/rules/effects-hash.ts'
import { namesOf, Verification } from '../../../src/threads/core/verification.ts'
import { change } from '../../store/builders.ts'

const NOTHING: Effects = { episodes: [], slo: [], ledger: [], recomputes: [] }

/** What rules said, as one line each. */
function saying(said: Readonly<Record<string, number>>): Effects {
  const episodes = Object.entries(said).map(([ruleId, peak]) => change('opened', { ruleId, peak }))
  return { ...NOTHING, episodes }
}

function answer(effects: Effects): CommitEntry {
  const body = { kind: 'clock', nowMs: 0, partitions: [] } as const
  const hashes = { effectsHash: effectsHash(effects), ruleHashes: ruleHashes(effects) }
  return { body, effects, partitions: [], ...hashes }
}

function stored(no: number, effects: Effects, over: Partial<LogEntry> = {}): LogEntry {
  const { body, effectsHash: hash, ruleHashes: rules } = answer(effects)
  const hashes = { effectsHash: hash, ruleHashes: rules ?? null }
  return { no, epoch: 1, body, engineVersion: 'v1', ...hashes, ...over }
}

describe('a replay that is compared with the log', () => {
  it('has nothing to say when every answer is the same', () => {
    const verification = new Verification('v1')
    verification.compare(stored(1, saying({ a: 1 })), answer(saying({ a: 1 })))
    verification.compare(stored(2, NOTHING), answer(NOTHING))
    expect(verification.broken).toBeUndefined()
    expect(verification.count).toBe(0)
  })

  it.each([
    ['said something else', { a: 1, b: 1 }, { a: 1, b: 2 }, ['b']],
    ['said nothing then', { a: 1 }, { a: 1, c: 1 }, ['c']],
    ['says nothing now', { a: 1, c: 1 }, { a: 1 }, ['c']],
    ['are several', { a: 1, b: 1, c: 1 }, { b: 1, c: 2, d: 1 }, ['a', 'c', 'd']],
  ])('names the rules that %s', (_what, then, now, rules) => {
    const verification = new Verification('v1')
    verification.compare(stored(7, saying(then)), answer(saying(now)))
    verification.compare(stored(8, saying({ x: 1 })), answer(saying({ x: 1 })))
    expect(verification.broken).toEqual({ no: 7, count: 1, rules })
  })

  it('names an objective that counts otherwise', () => {
    const slo = (total: number): Effects => ({
      ...NOTHING,
      slo: [{ slo: 's', group: '', minuteMs: 0, total, bad: 0 }],
    })
    const verification = new Verification('v1')
    verification.compare(stored(7, slo(1)), answer(slo(2)))
    expect(verification.broken!.rules).toEqual(['slo:s'])
  })

  it('names no rule when one of the entries does not say who spoke', () => {
    const verification = new Verification('v1')
    verification.compare(stored(7, saying({ a: 1 })), answer(saying({ a: 2 })))
    verification.compare(stored(8, saying({ a: 1 }), { ruleHashes: null }), answer(NOTHING))
    expect(verification.broken).toEqual({ no: 7, count: 2, rules: null })
  })

  it('takes answers as they are up to where a process went live all the same', () => {
    const verification = new Verification('v1')
    verification.compare(stored(7, saying({ a: 1 })), answer(NOTHING))
    verification.accepted()
    expect(verification.broken).toBeUndefined()
    verification.compare(stored(9, saying({ b: 1 })), answer(NOTHING))
    expect(verification.broken).toEqual({ no: 9, count: 1, rules: ['b'] })
  })

  it('only reports what another engine version answers otherwise, once', () => {
    const said: Occurrence[] = []
    const verification = new Verification('v2')
    for (const no of [7, 8]) {
      verification.compare(stored(no, saying({ a: 1 })), answer(saying({ a: no })))
    }
    verification.report((occurrence) => said.push(occurrence))
    expect(verification.broken).toBeUndefined()
    expect(said).toEqual([{ name: 'core.replay_differs', count: 2, detail: { no: 7, rules: 'a' } }])
  })
})

it('a sentence names twenty rules and counts the rest', () => {
  const rules = Array.from({ length: 23 }, (_, nth) => `r${nth}`)
  expect(namesOf(rules)).toMatch(/^r0, r1, .*, r19 and 3 more$/)
  expect(namesOf(['a'])).toBe('a')
  expect(namesOf(null)).toBe('unknown')
})
