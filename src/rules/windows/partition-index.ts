import type { RecordNames } from './record-names.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/**
 * Partitions of one saved bucket by their place in the sorted list of their names: what is saved
 * does not depend on the numbers of this process.
 */
export class PartitionIndex {
  readonly #names: RecordNames
  readonly #used = new Set<number>()
  #places: ReadonlyMap<number, number> = new Map()

  constructor(names: RecordNames) {
    this.#names = names
  }

  use(partition: number): void {
    this.#used.add(partition)
  }

  /** Writes the names; call before {@link placeOf}, when all are known. */
  write(to: StateWriter): void {
    const sorted = [...this.#used].sort((a, b) => this.#names.comparePartitions(a, b))
    this.#places = new Map(sorted.map((number, place) => [number, place]))
    to.u32(sorted.length)
    for (const number of sorted) to.text(this.#names.name(number))
  }

  placeOf(partition: number): number {
    return this.#places.get(partition)!
  }
}

/** Numbers in this process by place in the saved list. */
export function readPartitions(from: StateReader, names: RecordNames): readonly number[] {
  return Array.from({ length: from.u32() }, () => names.number(from.text()))
}
