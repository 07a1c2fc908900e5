import { expect, it } from 'vitest'
import type { Effects, Recompute } from '../../src/model/commit.ts'
import { effectsHash } from '../../src/rules/effects-hash.ts'
import { EngineDriver } from './engine-driver.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

function effects(): Effects {
  const driver = new EngineDriver(rulesetOf(ruleOf({ kind: 'match' })))
  driver.send([
    { timeMs: 1, host: 'a' },
    { timeMs: 2, host: 'b' },
  ])
  const slo = { slo: 's', group: '[]', minuteMs: 0, total: 2, bad: 1 }
  return { episodes: driver.changes, ledger: driver.ledger, slo: [slo], recomputes: [late()] }
}

function late(): Recompute {
  return {
    ruleId: 'rule-1',
    ruleRev: 'rev-1',
    ruleset: 'set',
    group: '["a"]',
    fromMs: 1,
    toMs: 2,
    reachMs: 3,
    refused: [{ partition: 'in@1', first: 4, last: 5, witnessedMs: 6, below: [] }],
  }
}

it('is the same whatever the order of the effects', () => {
  const all = effects()
  const { episodes, ledger } = all
  const other = { ...all, episodes: episodes.toReversed(), ledger: ledger.toReversed() }
  expect(effectsHash(other)).toBe(effectsHash(all))
})

it('changes with any figure in them', () => {
  const all = effects()
  const [sum] = all.slo
  const hashes = [
    effectsHash(all),
    effectsHash({ ...all, episodes: all.episodes.slice(1) }),
    effectsHash({ ...all, slo: [{ ...sum!, bad: 2 }] }),
    effectsHash({ ...all, ledger: [] }),
    effectsHash({ ...all, recomputes: [{ ...late(), toMs: 3 }] }),
    effectsHash({ ...all, recomputes: [] }),
  ]
  expect(new Set(hashes).size).toBe(6)
})
