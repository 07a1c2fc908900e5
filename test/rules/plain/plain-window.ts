import type { PartitionIndex } from '../../../src/rules/windows/partition-index.ts'
import type { RecordMark, RecordNames } from '../../../src/rules/windows/record-names.ts'
import type { StateReader, StateWriter } from '../../../src/rules/windows/state-bytes.ts'

/** Numbers per record: time, hash high, hash low, partition, position, count, marks. */
const STRIDE = 7
const COUNT = 5
const MARKS = 6
const FIRED = 1
const COVERED = 2

/**
 * The kept records of one group in the rule's order (time, hash, position), each with the number
 * of records in the window (t − within, t] that ends at it. One flat array of numbers: no object
 * per record. Indexes count from the oldest kept record and shift when older ones are dropped or
 * one is inserted before them.
 */
export class PlainWindow {
  readonly #names: RecordNames
  readonly #withinMs: number
  #cells: number[] = []
  /** Cells before it belong to dropped records. */
  #head = 0

  constructor(names: RecordNames, withinMs: number) {
    this.#names = names
    this.#withinMs = withinMs
  }

  get length(): number {
    return (this.#cells.length - this.#head) / STRIDE
  }

  /**
   * Puts a record in its place with the count of its own window and returns its index. Appending
   * is constant on average; the counts of later records are left to {@link raise}.
   */
  insert(record: RecordMark): number {
    const { timeMs, hashHigh, hashLow, partition, position } = record
    const last = this.length - 1
    if (last < 0 || this.#compare(last, record) < 0) {
      let first = last < 0 ? 0 : this.firstInWindow(last)
      while (first <= last && this.timeAt(first) <= timeMs - this.#withinMs) first++
      const count = last - first + 2
      this.#cells.push(timeMs, hashHigh, hashLow, partition, position, count, 0)
      return last + 1
    }
    const index = this.#placeOf(record)
    const count = index - this.#firstAfter(timeMs - this.#withinMs, index) + 1
    const cells = this.#cells
    const at = this.#head + index * STRIDE
    for (let i = 0; i < STRIDE; i++) cells.push(0)
    for (let i = cells.length - 1; i >= at + STRIDE; i--) cells[i] = cells[i - STRIDE]!
    cells[at] = timeMs
    cells[at + 1] = hashHigh
    cells[at + 2] = hashLow
    cells[at + 3] = partition
    cells[at + 4] = position
    cells[at + COUNT] = count
    cells[at + MARKS] = 0
    return index
  }

  timeAt(index: number): number {
    return this.#cells[this.#head + index * STRIDE]!
  }

  /** Kept records of the window that ends at this one. */
  countAt(index: number): number {
    return Math.min(index + 1, this.#cells[this.#head + index * STRIDE + COUNT]!)
  }

  /** One more record came into the window that ends at this one; returns its new count. */
  raise(index: number): number {
    const at = this.#head + index * STRIDE + COUNT
    const count = this.#cells[at]! + 1
    this.#cells[at] = count
    return Math.min(index + 1, count)
  }

  /** Index of the earliest kept record in the window that ends at this one. */
  firstInWindow(index: number): number {
    return Math.max(0, index - this.countAt(index) + 1)
  }

  /** The record at which the condition held; false when it had been marked before. */
  markFired(index: number): boolean {
    return this.#mark(index, FIRED)
  }

  hasFired(index: number): boolean {
    return (this.#cells[this.#head + index * STRIDE + MARKS]! & FIRED) !== 0
  }

  /** The record lies in the window of a firing; false when it had been marked before. */
  markCovered(index: number): boolean {
    return this.#mark(index, COVERED)
  }

  isCovered(index: number): boolean {
    return (this.#cells[this.#head + index * STRIDE + MARKS]! & COVERED) !== 0
  }

  isRecord(index: number, record: Pick<RecordMark, 'partition' | 'position'>): boolean {
    const at = this.#head + index * STRIDE
    return this.#cells[at + 4] === record.position && this.#cells[at + 3] === record.partition
  }

  copyMark(index: number, into: { -readonly [K in keyof RecordMark]: RecordMark[K] }): void {
    const at = this.#head + index * STRIDE
    into.timeMs = this.#cells[at]!
    into.hashHigh = this.#cells[at + 1]!
    into.hashLow = this.#cells[at + 2]!
    into.partition = this.#cells[at + 3]!
    into.position = this.#cells[at + 4]!
  }

  partitionAt(index: number): number {
    return this.#cells[this.#head + index * STRIDE + 3]!
  }

  /** Counts follow from the records and are not written. */
  write(to: StateWriter, partitions: PartitionIndex): void {
    to.u32(this.length)
    for (let at = this.#head; at < this.#cells.length; at += STRIDE) {
      const position = this.#cells[at + 4]!
      to.record(this.#cells[at]!, {
        hashHigh: this.#cells[at + 1]!,
        hashLow: this.#cells[at + 2]!,
        positionLow: position % 2 ** 32,
        rest:
          partitions.placeOf(this.#cells[at + 3]!) * 2 ** 16 +
          Math.floor(position / 2 ** 32) * 4 +
          this.#cells[at + MARKS]!,
      })
    }
  }

  /** Fills an empty window. */
  read(from: StateReader, partitions: readonly number[]): void {
    for (let left = from.u32(); left > 0; left--) {
      const [timeMs, hashHigh, hashLow] = [from.f64(), from.u32(), from.u32()]
      const [low, rest] = [from.u32(), from.u32()]
      const position = ((rest & 0xffff) >>> 2) * 2 ** 32 + low
      const partition = partitions[rest >>> 16]!
      const index = this.insert({ timeMs, hashHigh, hashLow, partition, position })
      this.#cells[this.#head + index * STRIDE + MARKS] = rest & 3
    }
  }

  /** Forgets the oldest record. */
  dropFirst(): void {
    this.#head += STRIDE
    if (this.#head === this.#cells.length) {
      this.#cells = []
      this.#head = 0
    } else if (this.#head >= 32 * STRIDE && this.#head * 2 >= this.#cells.length) {
      this.#cells = this.#cells.slice(this.#head)
      this.#head = 0
    }
  }

  /** Number of records with a time below `timeMs`. */
  countBefore(timeMs: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) < timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  #mark(index: number, mark: number): boolean {
    const at = this.#head + index * STRIDE + MARKS
    const marks = this.#cells[at]!
    this.#cells[at] = marks | mark
    return (marks & mark) === 0
  }

  /** Index of the first record after `record` in the rule's order. */
  #placeOf(record: RecordMark): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(middle, record) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #firstAfter(timeMs: number, below: number): number {
    let low = 0
    let high = below
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) <= timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(index: number, record: RecordMark): number {
    const at = this.#head + index * STRIDE
    const cells = this.#cells
    return (
      cells[at]! - record.timeMs ||
      cells[at + 1]! - record.hashHigh ||
      cells[at + 2]! - record.hashLow ||
      cells[at + 4]! - record.position ||
      this.#names.comparePartitions(cells[at + 3]!, record.partition)
    )
  }
}
