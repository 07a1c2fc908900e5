import { expect, test } from 'vitest'

import { openKeyOf } from '../../src/incidents/dedup.ts'
import type { Episode, Mode } from '../../src/model/episode.ts'
import { change } from './builders.ts'

const keyOf = (values: Partial<Episode> = {}, mode: Mode = 'real') =>
  openKeyOf(() => mode)(change('opened', values))

test('episodes of one rule and group have one key, whatever else they are', () => {
  const other = { id: 'e9', severity: 'info', ruleRev: 'r2', startMs: 1, value: 3 } as const
  expect(keyOf(other)).toEqual(keyOf())
  expect(keyOf().openKey).toBe(keyOf().dedupHash)
})

test('another rule, group or mode is another key', () => {
  const keys = [
    keyOf(),
    keyOf({ ruleId: 'logins' }),
    keyOf({ groupKey: '["us"]' }),
    keyOf({ groupKey: '[]' }),
    keyOf({}, 'shadow'),
    keyOf({}, 'drill'),
  ].map(({ openKey }) => openKey)
  expect(new Set(keys).size).toBe(keys.length)
})

test('the mode is the one that the rule is in', () => {
  expect(keyOf({}, 'shadow').mode).toBe('shadow')
})
