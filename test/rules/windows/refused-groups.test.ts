import { describe, expect, it } from 'vitest'

import { GroupHash } from '../../../src/rules/windows/group-hash.ts'
import { RecordNames } from '../../../src/rules/windows/record-names.ts'
import {
  REFUSED_GROUPS_MAX,
  REFUSED_PARTITIONS_MAX,
  RefusedGroups,
} from '../../../src/rules/windows/refused-groups.ts'
import { StateReader, StateWriter } from '../../../src/rules/windows/state-bytes.ts'

function setUp(names = new RecordNames()) {
  const refused = new RefusedGroups(names)
  const add = (
    group: string,
    timeMs: number,
    at: { nowMs?: number; partition?: string; position?: number; belowMs?: number } = {},
  ): boolean =>
    refused.add(
      {
        group,
        timeMs,
        hash: new GroupHash().take(group),
        hashHigh: 0,
        hashLow: 0,
        partition: names.number(at.partition ?? 'in@1'),
        position: at.position ?? 0,
        witnessedMs: 1_000,
      },
      { nowMs: at.nowMs ?? 0, belowMs: at.belowMs ?? -Infinity },
    )
  return { refused, add, names }
}

describe('refused matches of a bucket', () => {
  it('become one interval of a group, which is quiet 60 s after the last of them', () => {
    const { refused, add } = setUp()
    add('a', 50, { nowMs: 1_000, position: 4 })
    add('a', 20, { nowMs: 2_000, position: 9 })
    add('a', 30, { nowMs: 31_000, position: 12 })
    expect(refused.release(90_999, Infinity)).toEqual([])
    const [found, ...more] = refused.release(91_000, Infinity)
    expect(more).toEqual([])
    expect(found).toMatchObject({ key: 'a', fromMs: 20, toMs: 50 })
    expect(found!.marks).toMatchObject([{ first: 4, last: 12, witnessedMs: 1_000 }])
    expect(refused.release(1e9, Infinity)).toEqual([])
  })

  it('wait until what lies around them has settled', () => {
    const { refused, add } = setUp()
    add('a', 50)
    expect(refused.release(60_000, 50)).toEqual([])
    expect(refused.release(60_000, 51)).toHaveLength(1)
  })

  it('are told apart by partition, and by what the rule had passed', () => {
    const { refused, add, names } = setUp()
    add('a', 50, { partition: 'b@1', position: 3, belowMs: 70 })
    add('a', 51, { partition: 'a@1', position: 8 })
    add('a', 52, { partition: 'b@1', position: 5, belowMs: 72 })
    add('a', 73, { partition: 'b@1', position: 9, belowMs: 80 })
    // The second lay below what was known already: it says nothing new.
    const below = [
      { from: 3, ms: 70 },
      { from: 9, ms: 80 },
    ]
    expect(refused.release(60_000, Infinity)[0]?.marks).toMatchObject([
      { partition: names.number('b@1'), first: 3, last: 9, below },
      { partition: names.number('a@1'), first: 8, last: 8, below: [] },
    ])
  })

  it('are handed over a bounded lot at a time, the longest quiet first', () => {
    const { refused, add } = setUp()
    for (let i = 0; i < 20; i++) add(`g${i}`, 1, { nowMs: 100 - i })
    const first = refused.release(61_000, Infinity).map(({ key }) => key)
    expect(first).toHaveLength(16)
    expect(first[0]).toBe('g19')
    expect(refused.release(61_000, Infinity).map(({ key }) => key)).toEqual([
      'g3',
      'g2',
      'g1',
      'g0',
    ])
  })

  it('keep those that are there when there is no room for another group', () => {
    const { refused, add } = setUp()
    for (let i = 0; i < REFUSED_GROUPS_MAX; i++) expect(add(`g${i}`, 1)).toBe(true)
    expect(add('one more', 1)).toBe(false)
    expect(add('g0', 2)).toBe(true)
    expect(refused.size).toBe(REFUSED_GROUPS_MAX)
  })

  it('note so many partitions of a group, and stretch its interval for others too', () => {
    const { refused, add } = setUp()
    for (let i = 0; i <= REFUSED_PARTITIONS_MAX; i++) add('a', i, { partition: `in@${i}` })
    const [found] = refused.release(60_000, Infinity)
    expect(found?.marks).toHaveLength(REFUSED_PARTITIONS_MAX)
    expect(found?.toMs).toBe(REFUSED_PARTITIONS_MAX)
  })

  it('are the same after they were saved', () => {
    const bytesOf = (order: readonly number[]): Uint8Array => {
      const { refused, add } = setUp()
      for (const i of order) {
        add(`g${i % 3}`, i, { nowMs: 5, partition: `in@${i % 2}`, position: i, belowMs: i })
      }
      const writer = new StateWriter()
      refused.write(writer)
      return writer.finish()
    }
    const saved = bytesOf([0, 1, 2, 3, 4, 5])
    const { refused } = setUp()
    refused.read(new StateReader(saved))
    const writer = new StateWriter()
    refused.write(writer)
    expect(writer.finish()).toEqual(saved)
    expect(refused.dueMs).toBe(60_005)
    expect(refused.release(60_005, Infinity)).toHaveLength(3)
  })
})
