import { beforeEach, describe, expect, it } from 'vitest'

import type { CompiledRuleset } from '../../../src/rules/rule.ts'
import { Unverified } from '../../../src/threads/core/unverified.ts'
import { ruleOf } from '../../rules/rule-builder.ts'

function ruleset(hashes: Readonly<Record<string, string>>): CompiledRuleset {
  const rules = Object.entries(hashes).map(([id, stateHash]) =>
    ruleOf({ kind: 'match' }, { id, stateHash }),
  )
  return { hash: 'h', rules, counters: [] }
}

const FIRST = { sinceMs: 1_000, cause: 'it contradicts the log' }
let unverified: Unverified
beforeEach(() => {
  unverified = new Unverified()
})

const marked = (): string[] => unverified.all().map(({ ruleId }) => ruleId)

describe('marks on rules that may be wrong (I13)', () => {
  it('are given to the rules concerned that are in force', () => {
    unverified.mark(ruleset({ b: '1', a: '1', c: '1' }), { rules: ['c', 'a', 'gone'], ...FIRST })
    expect(unverified.all()).toEqual([
      { ruleId: 'a', stateHash: '1', ...FIRST },
      { ruleId: 'c', stateHash: '1', ...FIRST },
    ])
  })

  it('are given to all rules where it could not be told', () => {
    unverified.mark(ruleset({ a: '1', b: '1' }), { rules: null, ...FIRST })
    expect(marked()).toEqual(['a', 'b'])
  })

  it('say since when for the first time, and why for the last', () => {
    unverified.mark(ruleset({ a: '1' }), { rules: null, ...FIRST })
    unverified.mark(ruleset({ a: '1' }), { rules: null, sinceMs: 2_000, cause: 'again' })
    expect(unverified.all()).toMatchObject([{ sinceMs: 1_000, cause: 'again' }])
  })

  it('stay over a reload that leaves the state, and go with other state, a rebuild or the rule', () => {
    const before = ruleset({ same: '1', edited: '1', rebuilt: '1', removed: '1' })
    unverified.mark(before, { rules: null, ...FIRST })
    const after = ruleset({ same: '1', edited: '2', rebuilt: '1' })
    expect(unverified.activated(after, ['rebuilt']).sort()).toEqual([
      'edited',
      'rebuilt',
      'removed',
    ])
    expect(marked()).toEqual(['same'])
    expect(unverified.activated(after, [])).toEqual([])
  })

  it('go when somebody vouches for the rule, which only a marked one needs', () => {
    unverified.mark(ruleset({ a: '1' }), { rules: null, ...FIRST })
    expect(unverified.confirm('b')).toBe(false)
    expect(unverified.confirm('a')).toBe(true)
    expect(unverified.confirm('a')).toBe(false)
    expect(marked()).toEqual([])
  })

  it('are as the store has them after a start', () => {
    unverified.mark(ruleset({ a: '1' }), { rules: null, ...FIRST })
    unverified.restore([{ ruleId: 'z', stateHash: '1', ...FIRST }])
    expect(marked()).toEqual(['z'])
  })
})
