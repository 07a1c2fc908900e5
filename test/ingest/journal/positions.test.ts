import { expect, test } from 'vitest'
import { POSITION_SKIP, Positions } from '../../../src/ingest/journal/positions.ts'
import { slab } from '../../contracts/slab-builder.ts'

const firsts = (positions: Positions, ...partitions: string[]) =>
  positions.place(
    partitions.map((partition) => slab(partition, ['x', 'y'], 0)),
    1,
  )

test('places follow each other within one group, and are given again until they are taken', () => {
  const positions = new Positions()
  const places = firsts(positions, 'a@1', 'b@1', 'a@1')
  expect(places.map(({ first }) => first)).toEqual([0, 0, 2])
  expect(firsts(positions, 'a@1')[0]!.first).toBe(0)
  positions.taken(places, 1)
  expect(firsts(positions, 'a@1', 'b@1').map(({ first }) => first)).toEqual([4, 2])
})

test('what a file says holds for a partition not written here, and not for one that is', () => {
  const positions = new Positions()
  positions.taken(firsts(positions, 'own@1'), 1)
  const heads = new Map(['own@1', 'other@1'].map((name) => [name, { next: 50, segment: 1 }]))
  positions.adopt(heads, { isAfterDamage: false })
  expect(firsts(positions, 'own@1', 'other@1').map(({ first }) => first)).toEqual([2, 50])
})

test('after a damaged segment a partition goes on far above what it may have held', () => {
  const positions = new Positions()
  positions.adopt(new Map([['a@1', { next: 50, segment: 1 }]]), { isAfterDamage: true })
  expect(firsts(positions, 'a@1')[0]!.first).toBe(50 + POSITION_SKIP)
})

test('of too many partitions those are forgotten that were not written for longest', () => {
  const positions = new Positions()
  positions.taken(firsts(positions, 'own@1'), 1)
  const heads = new Map(
    Array.from({ length: 5_000 }, (_, i) => [`old@${i}`, { next: 1, segment: 10 + i }]),
  )
  positions.adopt(heads, { isAfterDamage: false })
  const kept = positions.heads()
  expect(kept.size).toBe(4_096)
  expect(kept.has('own@1')).toBe(true)
  expect(kept.has('old@4999')).toBe(true)
  expect(kept.has('old@0')).toBe(false)
})
