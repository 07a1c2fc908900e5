import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../../src/rules/windows/deadlines.ts'
import type { Due } from '../../../src/rules/windows/deadlines.ts'

interface Item extends Due {
  readonly name: string
}

const item = (name: string): Item => ({ name, dueMs: Infinity })

describe('deadlines', () => {
  it('give out what lies below the watermark, earliest first', () => {
    const deadlines = new Deadlines<Item>()
    for (const [name, atMs] of Object.entries({ a: 30, b: 10, c: 20 })) {
      deadlines.schedule(item(name), atMs)
    }
    expect(deadlines.nextMs()).toBe(10)
    expect(deadlines.take(10)).toBeUndefined()
    expect(deadlines.take(21)?.name).toBe('b')
    expect(deadlines.take(21)?.name).toBe('c')
    expect(deadlines.take(21)).toBeUndefined()
    expect(deadlines.nextMs()).toBe(30)
  })

  it('keep only the earliest deadline of an item', () => {
    const deadlines = new Deadlines<Item>()
    const only = item('a')
    deadlines.schedule(only, 30)
    deadlines.schedule(only, 10)
    deadlines.schedule(only, 20)
    expect(deadlines.take(99)).toBe(only)
    expect(only.dueMs).toBe(Infinity)
    expect(deadlines.take(99)).toBeUndefined()
  })

  it('forget what is cancelled', () => {
    const deadlines = new Deadlines<Item>()
    const only = item('a')
    deadlines.schedule(only, 10)
    deadlines.cancel(only)
    expect(deadlines.take(99)).toBeUndefined()
    expect(deadlines.nextMs()).toBe(Infinity)
  })

  it('agree with a plain search for any schedule', () => {
    const step = fc.oneof(
      fc.record({ item: fc.nat({ max: 7 }), atMs: fc.nat({ max: 30 }) }),
      fc.record({ to: fc.nat({ max: 31 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const deadlines = new Deadlines<Item>()
        const items = Array.from({ length: 8 }, (_, i) => item(String(i)))
        const plain = new Map<Item, number>()
        for (const one of steps) {
          if ('atMs' in one) {
            const target = items[one.item]!
            deadlines.schedule(target, one.atMs)
            plain.set(target, Math.min(one.atMs, plain.get(target) ?? Infinity))
            continue
          }
          const taken: number[] = []
          for (let due = deadlines.take(one.to); due; due = deadlines.take(one.to)) {
            taken.push(plain.get(due)!)
            plain.delete(due)
          }
          expect(taken).toEqual(taken.toSorted((a, b) => a - b))
          expect([...plain.values()].filter((atMs) => atMs < one.to)).toEqual([])
        }
        expect(deadlines.nextMs()).toBe(Math.min(Infinity, ...plain.values()))
      }),
    )
  })
})
