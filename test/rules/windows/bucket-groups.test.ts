import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BucketGroups } from '../../../src/rules/windows/bucket-groups.ts'
import { GroupHash } from '../../../src/rules/windows/group-hash.ts'
import { GroupStore } from '../../../src/rules/windows/group-store.ts'
import { UnitArena } from '../../../src/rules/windows/unit-arena.ts'

const hash = (key: string): GroupHash => new GroupHash().take(key)

describe('the groups of a bucket', () => {
  it('are found, scheduled and forgotten as in a plain map, also where hashes collide', () => {
    const stepArb = fc.record({
      key: fc.nat({ max: 60 }),
      dueMs: fc.nat({ max: 20 }),
      does: fc.constantFrom('add', 'add', 'add', 'schedule', 'delete', 'take'),
    })
    fc.assert(
      fc.property(
        fc.array(stepArb, { maxLength: 200, size: 'max' }),
        fc.boolean(),
        (steps, same) => {
          const store = new GroupStore(new UnitArena())
          const groups = new BucketGroups(store)
          const plain = new Map<string, number>()
          for (const { key: nth, dueMs, does } of steps) {
            const key = `["host-${nth}"]`
            const hashed = hash(key)
            // Places of the index that are taken already, and tags that are equal.
            if (same) hashed.low &= 3
            const id = groups.find(hashed)
            expect(id >= 0).toBe(plain.has(key))
            if (id >= 0) expect(store.key(id)).toBe(key)
            if (does === 'take') {
              const next = Math.min(Infinity, ...plain.values())
              expect(groups.nextDueMs).toBe(next)
              if (plain.size === 0) continue
              const first = store.key(groups.next)
              expect(plain.get(first)).toBe(next)
              groups.delete(groups.next)
              plain.delete(first)
            } else if (id < 0 && does === 'add') {
              groups.schedule(groups.add(hashed), dueMs)
              plain.set(key, dueMs)
            } else if (id >= 0 && does === 'delete') {
              groups.delete(id)
              plain.delete(key)
            } else if (id >= 0) {
              groups.schedule(id, dueMs)
              plain.set(key, dueMs)
            }
            expect(groups.size).toBe(plain.size)
          }
          expect(groups.ids.map((id) => store.key(id)).sort()).toEqual([...plain.keys()].sort())
        },
      ),
      { numRuns: 200 },
    )
  })

  it('that are due at one time come in the order of their hashes', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `["h${i}"]`)
    const order = (arrival: readonly string[]): string[] => {
      const store = new GroupStore(new UnitArena())
      const groups = new BucketGroups(store)
      for (const key of arrival) groups.schedule(groups.add(hash(key)), 7)
      return arrival.map(() => {
        const key = store.key(groups.next)
        groups.delete(groups.next)
        return key
      })
    }
    expect(order(keys)).toEqual(order(keys.toReversed()))
  })
})

describe('the hash of a group', () => {
  it('is the same for ever, as stored buckets are found by it', () => {
    const found = ['[]', '["a"]', '["host-1","eu"]', '["Ärger"]', '["日本"]'].map((key) => {
      const { high, low, bucket } = hash(key)
      return [key, high, low, bucket]
    })
    expect(found).toMatchInlineSnapshot(`
      [
        [
          "[]",
          206421438,
          3865109080,
          12,
        ],
        [
          "["a"]",
          756053172,
          1030849850,
          45,
        ],
        [
          "["host-1","eu"]",
          1351596012,
          3701428048,
          80,
        ],
        [
          "["Ärger"]",
          2818585122,
          2944121369,
          168,
        ],
        [
          "["日本"]",
          252853631,
          2691908766,
          15,
        ],
      ]
    `)
  })
})
