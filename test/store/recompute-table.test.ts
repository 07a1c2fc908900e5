import { expect, it } from 'vitest'

import { openWriter } from '../../src/store/sqlite/connection.ts'
import { RecomputeTable } from '../../src/store/sqlite/recompute-table.ts'

it('keeps the outstanding recomputes that are there when there is no room for more', async () => {
  const database = await openWriter(':memory:')
  const table = new RecomputeTable(database, 'main', 3)
  const asked = ['a', 'b'].map((group) => ({
    ruleId: 'r',
    ruleRev: 'rev',
    ruleset: 'rules',
    group,
    fromMs: 1,
    toMs: 2,
    reachMs: 3,
    refused: [],
  }))
  expect(table.insert(1, asked)).toBe(0)
  expect(table.insert(2, asked)).toBe(1)
  expect(table.oldest(9).map(({ group }) => group)).toEqual(['a', 'b', 'a'])
  const [first] = table.oldest(1)
  table.answered(first!.id)
  expect(table.isOutstanding(first!.id)).toBe(false)
  expect(table.insert(3, asked)).toBe(1)
  // Of another shard nothing is seen.
  expect(new RecomputeTable(database, 'other', 3).oldest(9)).toEqual([])
  database.close()
})
