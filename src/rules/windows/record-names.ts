import { recordRef } from '../../model/slab.ts'

/** A kept record names its partition in 16 bits. */
const PARTITIONS_MAX = 0xffff

/**
 * Partitions by a small number, so that a kept record costs no text. Numbers are given in the
 * order of first sight and mean nothing outside this process.
 */
export class RecordNames {
  readonly #numbers = new Map<string, number>()
  readonly #partitions: string[] = []

  number(partition: string): number {
    let number = this.#numbers.get(partition)
    if (number === undefined) {
      number = this.#partitions.length
      if (number > PARTITIONS_MAX)
        throw new RangeError('more than 65,536 partitions in one process')
      this.#partitions.push(partition)
      this.#numbers.set(partition, number)
    }
    return number
  }

  name(number: number): string {
    return this.#partitions[number]!
  }

  ref(record: { readonly partition: number; readonly position: number }): string {
    return recordRef(this.#partitions[record.partition]!, record.position)
  }

  /** Negative when `a` comes first in a rule's order: (time, hash, position) (design §4.2). */
  compare(a: RecordMark, b: RecordMark): number {
    return (
      a.timeMs - b.timeMs ||
      a.hashHigh - b.hashHigh ||
      a.hashLow - b.hashLow ||
      a.position - b.position ||
      this.comparePartitions(a.partition, b.partition)
    )
  }

  /** By name: numbers depend on the order of arrival. */
  comparePartitions(a: number, b: number): number {
    if (a === b) return 0
    return this.#partitions[a]! < this.#partitions[b]! ? -1 : 1
  }
}

/** A record's place in a rule's order. */
export interface RecordMark {
  readonly timeMs: number
  readonly hashHigh: number
  readonly hashLow: number
  readonly partition: number
  readonly position: number
}
