import type { GroupStore } from './group-store.ts'
import type { PartitionIndex } from './partition-index.ts'
import type { RecordMark, RecordNames } from './record-names.ts'
import type { RecordWords, StateReader, StateWriter } from './state-bytes.ts'
import { orderFor, UNIT_WORDS } from './unit-arena.ts'

/** A record's numbers of 32 bits: its time takes the first two as a floating-point number. */
const HASH_HIGH = 2
const HASH_LOW = 3
const POSITION_LOW = 4
/** Partition (16 bits), high part of the position (14), marks (2). */
const REST = 5
const PARTITION_SHIFT = 16
const POSITION_SHIFT = 2
const POSITION_BITS = 0x3fff
const FIRED = 1
const COVERED = 2
const TWO_32 = 4_294_967_296

/**
 * The kept records of one group in the rule's order (time, hash, position): a view that is bound
 * to one group after the other, so that no object exists per group. Indexes count from the oldest
 * kept record; they and the binding hold until a record is inserted or dropped.
 */
export class RecordWindow {
  readonly #store: GroupStore
  readonly #names: RecordNames
  #id = -1
  #length = 0
  #head = 0
  /** Units of the block. */
  #room = 0
  #words: Uint32Array = new Uint32Array()
  #floats: Float64Array = new Float64Array()
  /** Of the first kept record. */
  #base = 0

  constructor(store: GroupStore, names: RecordNames) {
    this.#store = store
    this.#names = names
  }

  bind(id: number): this {
    const store = this.#store
    this.#id = id
    this.#length = store.count(id)
    this.#head = store.head(id)
    this.#room = 0
    if (this.#length > 0) this.#look(store.block(id), store.order(id))
    return this
  }

  get length(): number {
    return this.#length
  }

  /** Puts a record in its place and returns its index. */
  insert(record: RecordMark): number {
    const { timeMs, hashHigh, hashLow, partition, position } = record
    const length = this.#length
    const index =
      length === 0 || this.#compare(length - 1, record) < 0 ? length : this.#after(record)
    this.#makeRoom()
    const words = this.#words
    if (index < length) {
      const from = this.#base + index * UNIT_WORDS
      const to = this.#base + length * UNIT_WORDS
      if (to - from > 64) words.copyWithin(from + UNIT_WORDS, from, to)
      else for (let at = to - 1; at >= from; at--) words[at + UNIT_WORDS] = words[at]!
    }
    const at = this.#base + index * UNIT_WORDS
    this.#floats[at >>> 1] = timeMs
    words[at + HASH_HIGH] = hashHigh
    words[at + HASH_LOW] = hashLow
    words[at + POSITION_LOW] = position % TWO_32
    const high = Math.floor(position / TWO_32)
    words[at + REST] = (partition << PARTITION_SHIFT) | (high << POSITION_SHIFT)
    this.#length = length + 1
    this.#store.setRange(this.#id, this.#head, this.#length)
    return index
  }

  timeAt(index: number): number {
    return this.#floats[(this.#base + index * UNIT_WORDS) >>> 1]!
  }

  partitionAt(index: number): number {
    return this.#words[this.#base + index * UNIT_WORDS + REST]! >>> PARTITION_SHIFT
  }

  positionAt(index: number): number {
    const at = this.#base + index * UNIT_WORDS
    const high = (this.#words[at + REST]! >>> POSITION_SHIFT) & POSITION_BITS
    return high * TWO_32 + this.#words[at + POSITION_LOW]!
  }

  /** Index of the first record with a time above `timeMs`. */
  firstAfter(timeMs: number): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) <= timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Number of records with a time below `timeMs`. */
  countBefore(timeMs: number): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) < timeMs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The record at which the condition held; false when it had been marked before. */
  markFired(index: number): boolean {
    return this.#mark(index, FIRED)
  }

  hasFired(index: number): boolean {
    return (this.#words[this.#base + index * UNIT_WORDS + REST]! & FIRED) !== 0
  }

  /** The record lies in the window of a firing; false when it had been marked before. */
  markCovered(index: number): boolean {
    return this.#mark(index, COVERED)
  }

  isCovered(index: number): boolean {
    return (this.#words[this.#base + index * UNIT_WORDS + REST]! & COVERED) !== 0
  }

  isRecord(index: number, record: Pick<RecordMark, 'partition' | 'position'>): boolean {
    return (
      this.positionAt(index) === record.position && this.partitionAt(index) === record.partition
    )
  }

  copyMark(index: number, into: { -readonly [K in keyof RecordMark]: RecordMark[K] }): void {
    const at = this.#base + index * UNIT_WORDS
    into.timeMs = this.timeAt(index)
    into.hashHigh = this.#words[at + HASH_HIGH]!
    into.hashLow = this.#words[at + HASH_LOW]!
    into.partition = this.partitionAt(index)
    into.position = this.positionAt(index)
  }

  /** Forgets the oldest records; gives memory back that is no longer needed. */
  dropFirst(count: number): void {
    this.#length -= count
    this.#head += count
    this.#base += count * UNIT_WORDS
    const store = this.#store
    if (this.#length === 0) {
      this.#head = 0
      store.arena.give(store.block(this.#id), store.order(this.#id))
      store.setRange(this.#id, 0, 0)
      return
    }
    store.setRange(this.#id, this.#head, this.#length)
    if (this.#room > 8 && this.#length * 4 <= this.#room) this.#moveTo(orderFor(this.#length * 2))
  }

  /** Tells the index which partitions the records are of. */
  usePartitions(index: PartitionIndex): void {
    let last = -1
    for (let i = 0; i < this.#length; i++) {
      const partition = this.partitionAt(i)
      if (partition !== last) index.use(partition)
      last = partition
    }
  }

  write(to: StateWriter, partitions: PartitionIndex): void {
    to.u32(this.#length)
    const words = this.#words
    let partition = -1
    let place = 0
    const record: RecordWords = { hashHigh: 0, hashLow: 0, positionLow: 0, rest: 0 }
    for (let i = 0; i < this.#length; i++) {
      const at = this.#base + i * UNIT_WORDS
      const rest = words[at + REST]!
      if (rest >>> PARTITION_SHIFT !== partition) {
        partition = rest >>> PARTITION_SHIFT
        place = partitions.placeOf(partition)
      }
      record.hashHigh = words[at + HASH_HIGH]!
      record.hashLow = words[at + HASH_LOW]!
      record.positionLow = words[at + POSITION_LOW]!
      record.rest = (rest & 0xffff) | (place << PARTITION_SHIFT)
      to.record(this.#floats[at >>> 1]!, record)
    }
  }

  /** Fills an empty window; what is read is in order. */
  read(from: StateReader, partitions: readonly number[]): void {
    const length = from.u32()
    if (length === 0) return
    this.#moveTo(orderFor(length))
    const words = this.#words
    for (let i = 0, at = this.#base; i < length; i++, at += UNIT_WORDS) {
      this.#floats[at >>> 1] = from.f64()
      words[at + HASH_HIGH] = from.u32()
      words[at + HASH_LOW] = from.u32()
      words[at + POSITION_LOW] = from.u32()
      const rest = from.u32()
      words[at + REST] =
        (rest & 0xffff) | (partitions[rest >>> PARTITION_SHIFT]! << PARTITION_SHIFT)
    }
    this.#length = length
    this.#store.setRange(this.#id, 0, length)
  }

  #mark(index: number, mark: number): boolean {
    const at = this.#base + index * UNIT_WORDS + REST
    const rest = this.#words[at]!
    this.#words[at] = rest | mark
    return (rest & mark) === 0
  }

  /** For one record more behind the last one. */
  #makeRoom(): void {
    const length = this.#length
    if (this.#head + length < this.#room) return
    if (this.#room > 0 && this.#head * 2 >= this.#room) {
      const start = this.#base - this.#head * UNIT_WORDS
      this.#words.copyWithin(start, this.#base, this.#base + length * UNIT_WORDS)
      this.#head = 0
      this.#base = start
    } else {
      this.#moveTo(orderFor(length + 1))
    }
  }

  #moveTo(order: number): void {
    const store = this.#store
    const { arena } = store
    const block = arena.take(order)
    if (this.#length > 0) {
      const [from, to] = [this.#words, arena.words(block)]
      const [first, into] = [this.#base, arena.base(block)]
      const count = this.#length * UNIT_WORDS
      for (let i = 0; i < count; i++) to[into + i] = from[first + i]!
      arena.give(store.block(this.#id), store.order(this.#id))
    }
    this.#head = 0
    store.setBlock(this.#id, block, order)
    store.setRange(this.#id, 0, this.#length)
    this.#look(block, order)
  }

  #look(block: number, order: number): void {
    const { arena } = this.#store
    this.#words = arena.words(block)
    this.#floats = arena.floats(block)
    this.#room = 2 ** order
    this.#base = arena.base(block) + this.#head * UNIT_WORDS
  }

  /** Index of the first record after `record` in the rule's order. */
  #after(record: RecordMark): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(middle, record) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(index: number, record: RecordMark): number {
    const at = this.#base + index * UNIT_WORDS
    const words = this.#words
    return (
      this.#floats[at >>> 1]! - record.timeMs ||
      words[at + HASH_HIGH]! - record.hashHigh ||
      words[at + HASH_LOW]! - record.hashLow ||
      this.positionAt(index) - record.position ||
      this.#names.comparePartitions(this.partitionAt(index), record.partition)
    )
  }
}
