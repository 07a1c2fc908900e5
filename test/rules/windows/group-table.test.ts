import { describe, expect, it } from 'vitest'
import { GroupTable } from '../../../src/rules/windows/group-table.ts'

function tableOf(max: number, ...keys: readonly string[]) {
  const table = new GroupTable<{ key: string; isRecent: boolean }>(max)
  for (const key of keys) table.add({ key, isRecent: false })
  return table
}

const idle = (): boolean => false

describe('a table of groups', () => {
  it('asks nobody to leave while there is room', () => {
    expect(tableOf(3, 'a', 'b').overflowing(idle)).toBeUndefined()
  })

  it('asks the oldest, then the next', () => {
    const table = tableOf(2, 'a', 'b')
    for (const expected of ['a', 'b', 'c']) {
      const victim = table.overflowing(idle)!
      expect(victim.key).toBe(expected)
      table.delete(victim)
      table.add({ key: expected === 'a' ? 'c' : 'd', isRecent: false })
    }
  })

  it('gives groups that were used or are busy a second chance', () => {
    const table = tableOf(3, 'a', 'b', 'c')
    table.get('a')!.isRecent = true
    expect(table.overflowing(({ key }) => key === 'b')!.key).toBe('c')
    expect(table.get('a')!.isRecent).toBe(false)
  })

  it('asks one all the same when every group is busy', () => {
    const table = tableOf(2, 'a', 'b')
    expect(table.overflowing(() => true)).toBeDefined()
  })
})
