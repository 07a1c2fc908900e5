import { expect, it } from 'vitest'
import { GroupHash } from '../../../src/rules/windows/group-hash.ts'
import { GroupStore } from '../../../src/rules/windows/group-store.ts'
import { UNIT_WORDS, UnitArena } from '../../../src/rules/windows/unit-arena.ts'

it('leaves no holes between keys when the records of many groups grow', () => {
  const groups = 20_000
  const arena = new UnitArena()
  const store = new GroupStore(arena)
  const hash = new GroupHash()
  // A group comes with a block for one record, as matches do, and grows with the others.
  const blocks = Array.from({ length: groups }, (_, i) => {
    store.add(hash.take(`["host-${i}"]`))
    return arena.take(0)
  })
  for (const order of [1, 2, 3]) {
    for (const [i, block] of blocks.entries()) {
      blocks[i] = arena.take(order)
      arena.give(block, order - 1)
    }
  }
  const recordBytes = groups * 8 * UNIT_WORDS * 4
  expect(arena.bytes).toBeLessThan(recordBytes * 1.05)
  expect(store.key(groups - 1)).toBe(`["host-${groups - 1}"]`)
})
