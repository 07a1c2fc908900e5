import { createHash } from 'node:crypto'
import type { Slab } from '../../../src/model/slab.ts'
import { slab } from '../../contracts/slab-builder.ts'

/** The one record that belongs at a position: text that compresses badly, of varying length. */
export function recordAt(partition: string, position: number): string {
  const digest = createHash('sha256').update(`${partition}:${position}`).digest('hex')
  return `${partition}:${position} ${digest.repeat(1 + (position % 5))}`
}

/** A slab of the records that belong at `first` and the positions after it. */
export function slabAt(partition: string, first: number, count: number): Slab {
  const records = Array.from({ length: count }, (_, i) => recordAt(partition, first + i))
  return slab(partition, records, first)
}
