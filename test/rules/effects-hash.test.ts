import { expect, it } from 'vitest'
import type { Effects } from '../../src/model/commit.ts'
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
  return { episodes: driver.changes, ledger: driver.ledger, slo: [slo] }
}

it('is the same whatever the order of the effects', () => {
  const { episodes, ledger, slo } = effects()
  const other = { episodes: episodes.toReversed(), ledger: ledger.toReversed(), slo }
  expect(effectsHash(other)).toBe(effectsHash({ episodes, ledger, slo }))
})

it('changes with any figure in them', () => {
  const all = effects()
  const [sum] = all.slo
  const hashes = [
    effectsHash(all),
    effectsHash({ ...all, episodes: all.episodes.slice(1) }),
    effectsHash({ ...all, slo: [{ ...sum!, bad: 2 }] }),
    effectsHash({ ...all, ledger: [] }),
  ]
  expect(new Set(hashes).size).toBe(4)
})
