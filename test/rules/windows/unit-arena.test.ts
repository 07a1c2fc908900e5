import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { orderFor, UNIT_WORDS, UnitArena } from '../../../src/rules/windows/unit-arena.ts'

interface Taken {
  readonly block: number
  readonly order: number
  readonly mark: number
}

function fill(arena: UnitArena, { block, order, mark }: Taken): void {
  const base = arena.base(block)
  arena.words(block).fill(mark, base, base + 2 ** order * UNIT_WORDS)
}

function isWhole(arena: UnitArena, { block, order, mark }: Taken): boolean {
  const base = arena.base(block)
  return arena
    .words(block)
    .subarray(base, base + 2 ** order * UNIT_WORDS)
    .every((word) => word === mark)
}

describe('the arena', () => {
  it('never gives one unit twice, whatever is taken and given back', () => {
    const stepArb = fc.oneof(
      fc.record({ order: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 14 })) }),
      fc.record({ give: fc.nat({ max: 50 }) }),
    )
    fc.assert(
      fc.property(fc.array(stepArb, { maxLength: 80, size: 'max' }), (steps) => {
        const arena = new UnitArena()
        const taken: Taken[] = []
        for (const [i, step] of steps.entries()) {
          if ('order' in step) {
            const one = { block: arena.take(step.order), order: step.order, mark: i + 1 }
            fill(arena, one)
            taken.push(one)
          } else if (taken.length > 0) {
            const [one] = taken.splice(step.give % taken.length, 1)
            arena.give(one!.block, one!.order)
          }
          for (const one of taken) if (!isWhole(arena, one)) expect(one).toBe('whole')
        }
        for (const { block, order } of taken) arena.give(block, order)
      }),
      { numRuns: 100 },
    )
  })

  it('joins what is given back, and keeps one chunk when nothing is taken', () => {
    const arena = new UnitArena()
    const blocks = Array.from({ length: 40_000 }, () => arena.take(0))
    const most = arena.bytes
    for (const [i, block] of blocks.entries()) if (i % 2 === 0) arena.give(block, 0)
    for (const [i, block] of blocks.entries()) if (i % 2 === 1) arena.give(block, 0)
    expect(arena.bytes).toBeLessThan(most / 4)
    const whole = arena.take(13)
    expect(arena.bytes).toBeLessThan(most / 4)
    arena.give(whole, 13)
  })

  it('knows the smallest block for a number of units', () => {
    expect([0, 1, 2, 3, 4, 5, 8, 9].map(orderFor)).toEqual([0, 0, 1, 2, 2, 3, 3, 4])
  })
})
