import type { GroupKey } from '../../model/group.ts'
import { wordsFor } from './group-hash.ts'
import type { GroupHash } from './group-hash.ts'
import type { StateWriter } from './state-bytes.ts'
import { orderFor, UNIT_WORDS, UnitArena } from './unit-arena.ts'

/** What is kept of a group, as numbers of 32 bits. */
const HASH_HIGH = 0
const HASH_LOW = 1
/** Block of the key's letters, and their count with a mark when one takes two bytes. */
const KEY = 2
const KEY_LENGTH = 3
/** Place in its bucket's heap (16 bits), order of its block (5), marks. */
const PLACE = 4
const BLOCK = 5
const COUNT = 6
/** Records of the block before the first one that is kept. */
const HEAD = 7
const GROUP_WORDS = 8

const WIDE = 0x8000_0000
const ORDER_SHIFT = 16
const ORDER_BITS = 0x1f << ORDER_SHIFT
const EXTRA = 1 << 21
const PLACE_BITS = 0xffff

const CHUNK_SHIFT = 12
const CHUNK_GROUPS = 1 << CHUNK_SHIFT

/** An index counts groups in 24 bits. */
const GROUPS_MAX = 0xff_fffe

/**
 * The groups of an engine in typed arrays, by a number that is given again after {@link remove}:
 * hash, letters of the key, and where its records lie. Memory only: nothing is decided by where a
 * group lies, so that all rules share it.
 */
export class GroupStore {
  /** Of the records. */
  readonly arena: UnitArena
  /**
   * Of the keys, apart: a key beside a group's first record would stay there when the records have
   * long moved to a larger block, and keep the room between keys from ever being used again.
   */
  readonly #letters = new UnitArena()
  readonly #chunks: Uint32Array[] = []
  #count = 0
  #firstFree = -1

  constructor(arena: UnitArena) {
    this.arena = arena
  }

  /** No group more can be numbered: all rules together have reached 16 million. */
  get isFull(): boolean {
    return this.#firstFree < 0 && this.#count >= GROUPS_MAX
  }

  /** Of the group that `hash` was taken of; not when {@link isFull}. */
  add(hash: GroupHash): number {
    const id = this.#newId()
    const words = this.#words(id)
    const base = baseOf(id)
    words[base + HASH_HIGH] = hash.high
    words[base + HASH_LOW] = hash.low
    words[base + PLACE] = 0
    words[base + COUNT] = 0
    words[base + HEAD] = 0
    this.#writeKey(words, base, hash)
    return id
  }

  /** The records' block must have been given back before. */
  remove(id: number): void {
    const words = this.#words(id)
    const base = baseOf(id)
    const length = words[base + KEY_LENGTH]!
    this.#letters.give(words[base + KEY]!, orderFor(keyUnits(length)))
    words[base] = this.#firstFree + 1
    this.#firstFree = id
  }

  /** Whether this is the number of the group that `hash` was taken of. */
  is(id: number, hash: GroupHash): boolean {
    const words = this.#words(id)
    const base = baseOf(id)
    if (words[base + HASH_LOW] !== hash.low || words[base + HASH_HIGH] !== hash.high) return false
    const length = words[base + KEY_LENGTH]!
    if (length !== keptLength(hash)) return false
    const block = words[base + KEY]!
    const letters = this.#letters.words(block)
    const first = this.#letters.base(block)
    const { words: sought, wordCount } = hash
    for (let i = 0; i < wordCount; i++) if (letters[first + i] !== sought[i]) return false
    return true
  }

  key(id: number): GroupKey {
    const words = this.#words(id)
    const base = baseOf(id)
    const kept = words[base + KEY_LENGTH]!
    const length = (kept & ~WIDE) >>> 0
    const block = words[base + KEY]!
    const letters = this.#letters.words(block)
    const first = this.#letters.base(block)
    let key = ''
    if (kept >= WIDE) {
      for (let i = 0; i < length; i++) key += String.fromCharCode(wideAt(letters, first, i))
      return key
    }
    for (let i = 0; i + 4 <= length; i += 4) {
      const word = letters[first + (i >>> 2)]!
      key += String.fromCharCode(
        word & 0xff,
        (word >>> 8) & 0xff,
        (word >>> 16) & 0xff,
        word >>> 24,
      )
    }
    for (let i = length & ~3; i < length; i++) {
      key += String.fromCharCode(narrowAt(letters, first, i))
    }
    return key
  }

  writeKey(id: number, to: StateWriter): void {
    const words = this.#words(id)
    const base = baseOf(id)
    const length = words[base + KEY_LENGTH]!
    const block = words[base + KEY]!
    const letters = this.#letters
    const isWide = length >= WIDE
    if (!isWide && to.letters(letters.words(block), letters.base(block), length)) return
    to.text(this.key(id))
  }

  keyLength(id: number): number {
    return (this.#words(id)[baseOf(id) + KEY_LENGTH]! & ~WIDE) >>> 0
  }

  hashHigh(id: number): number {
    return this.#words(id)[baseOf(id) + HASH_HIGH]!
  }

  hashLow(id: number): number {
    return this.#words(id)[baseOf(id) + HASH_LOW]!
  }

  /** By hash, then by key: the order of groups in saved state, and of those due at one time. */
  compare(a: number, b: number): number {
    const difference = this.hashHigh(a) - this.hashHigh(b) || this.hashLow(a) - this.hashLow(b)
    if (difference !== 0 || a === b) return difference
    return this.key(a) < this.key(b) ? -1 : 1
  }

  place(id: number): number {
    return this.#words(id)[baseOf(id) + PLACE]! & PLACE_BITS
  }

  setPlace(id: number, place: number): void {
    const words = this.#words(id)
    const at = baseOf(id) + PLACE
    words[at] = (words[at]! & ~PLACE_BITS) | place
  }

  hasExtra(id: number): boolean {
    return (this.#words(id)[baseOf(id) + PLACE]! & EXTRA) !== 0
  }

  setExtra(id: number, isThere: boolean): void {
    const words = this.#words(id)
    const at = baseOf(id) + PLACE
    words[at] = isThere ? words[at]! | EXTRA : words[at]! & ~EXTRA
  }

  order(id: number): number {
    return (this.#words(id)[baseOf(id) + PLACE]! & ORDER_BITS) >>> ORDER_SHIFT
  }

  block(id: number): number {
    return this.#words(id)[baseOf(id) + BLOCK]!
  }

  setBlock(id: number, block: number, order: number): void {
    const words = this.#words(id)
    const base = baseOf(id)
    words[base + BLOCK] = block
    words[base + PLACE] = (words[base + PLACE]! & ~ORDER_BITS) | (order << ORDER_SHIFT)
  }

  count(id: number): number {
    return this.#words(id)[baseOf(id) + COUNT]!
  }

  head(id: number): number {
    return this.#words(id)[baseOf(id) + HEAD]!
  }

  setRange(id: number, head: number, count: number): void {
    const words = this.#words(id)
    const base = baseOf(id)
    words[base + HEAD] = head
    words[base + COUNT] = count
  }

  #newId(): number {
    if (this.#firstFree >= 0) {
      const id = this.#firstFree
      this.#firstFree = this.#words(id)[baseOf(id)]! - 1
      return id
    }
    const id = this.#count++
    if ((id & (CHUNK_GROUPS - 1)) === 0) {
      this.#chunks.push(new Uint32Array(CHUNK_GROUPS * GROUP_WORDS))
    }
    return id
  }

  #words(id: number): Uint32Array {
    return this.#chunks[id >>> CHUNK_SHIFT]!
  }

  #writeKey(words: Uint32Array, base: number, hash: GroupHash): void {
    const length = keptLength(hash)
    const block = this.#letters.take(orderFor(keyUnits(length)))
    const letters = this.#letters.words(block)
    const first = this.#letters.base(block)
    const { words: given, wordCount } = hash
    for (let i = 0; i < wordCount; i++) letters[first + i] = given[i]!
    words[base + KEY] = block
    words[base + KEY_LENGTH] = length
  }
}

function keptLength({ length, isWide }: GroupHash): number {
  return isWide ? (length | WIDE) >>> 0 : length
}

function baseOf(id: number): number {
  return (id & (CHUNK_GROUPS - 1)) * GROUP_WORDS
}

/** Units that the letters take; `length` as it is kept. */
function keyUnits(length: number): number {
  return Math.ceil(wordsFor((length & ~WIDE) >>> 0, length >= WIDE) / UNIT_WORDS)
}

function narrowAt(letters: Uint32Array, first: number, i: number): number {
  return (letters[first + (i >>> 2)]! >>> ((i & 3) * 8)) & 0xff
}

function wideAt(letters: Uint32Array, first: number, i: number): number {
  return (letters[first + (i >>> 1)]! >>> ((i & 1) * 16)) & 0xffff
}
