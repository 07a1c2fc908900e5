/** Numbers of 32 bits in a unit: 24 bytes, one record of a window or as many letters of a key. */
export const UNIT_WORDS = 6

/** Units of one chunk: 192 KiB. */
const CHUNK_ORDER = 13
const CHUNK_UNITS = 1 << CHUNK_ORDER
const NONE = 0xffff_ffff

/** Word of a free block that tells its order; the two before it link it. */
const ORDER = 2

/** A piece of memory, seen as whole numbers and as floating-point numbers. */
interface Chunk {
  readonly words: Uint32Array
  readonly floats: Float64Array
  /** A bit per unit: whether a free block begins there. */
  readonly free: Uint32Array
}

/**
 * Memory for what groups keep, outside the garbage collector: blocks of 2^order units from large
 * chunks (a buddy system: a freed block joins its free neighbour, so growing groups leave no holes
 * of the sizes that they had). Blocks above a chunk's size get a chunk of their own.
 */
export class UnitArena {
  readonly #chunks: (Chunk | undefined)[] = []
  readonly #unused: number[] = []
  /** First free block by order; see {@link ORDER} for what free blocks hold. */
  readonly #first = new Uint32Array(CHUNK_ORDER + 1).fill(NONE)
  #bytes = 0

  /** Taken from the system. */
  get bytes(): number {
    return this.#bytes
  }

  words(block: number): Uint32Array {
    return this.#chunks[block >>> CHUNK_ORDER]!.words
  }

  floats(block: number): Float64Array {
    return this.#chunks[block >>> CHUNK_ORDER]!.floats
  }

  /** Index of the block's first number in {@link words}; half of it in {@link floats}. */
  base(block: number): number {
    return (block & (CHUNK_UNITS - 1)) * UNIT_WORDS
  }

  take(order: number): number {
    if (order > CHUNK_ORDER) return this.#newChunk(1 << order)
    let found = order
    while (found <= CHUNK_ORDER && this.#first[found] === NONE) found++
    if (found > CHUNK_ORDER) {
      this.#link(this.#newChunk(CHUNK_UNITS), CHUNK_ORDER)
      found = CHUNK_ORDER
    }
    const block = this.#first[found]!
    this.#unlink(block, found)
    while (found > order) {
      found--
      this.#link(block + (1 << found), found)
    }
    return block
  }

  give(block: number, order: number): void {
    if (order > CHUNK_ORDER) {
      this.#dropChunk(block >>> CHUNK_ORDER)
      return
    }
    let whole = block
    let size = order
    while (size < CHUNK_ORDER) {
      const other = whole ^ (1 << size)
      if (!this.#isFree(other, size)) break
      this.#unlink(other, size)
      whole = Math.min(whole, other)
      size++
    }
    // One free chunk stays, so that a group that comes and goes does not make and drop one.
    if (size === CHUNK_ORDER && this.#first[CHUNK_ORDER] !== NONE) {
      this.#dropChunk(whole >>> CHUNK_ORDER)
    } else {
      this.#link(whole, size)
    }
  }

  #newChunk(units: number): number {
    const buffer = new ArrayBuffer(units * UNIT_WORDS * 4)
    const chunk: Chunk = {
      words: new Uint32Array(buffer),
      floats: new Float64Array(buffer),
      free: new Uint32Array(Math.min(units, CHUNK_UNITS) / 32),
    }
    this.#bytes += buffer.byteLength
    const index = this.#unused.pop() ?? this.#chunks.length
    this.#chunks[index] = chunk
    return (index << CHUNK_ORDER) >>> 0
  }

  #dropChunk(index: number): void {
    this.#bytes -= this.#chunks[index]!.words.byteLength
    this.#chunks[index] = undefined
    this.#unused.push(index)
  }

  #link(block: number, order: number): void {
    const next = this.#first[order]!
    const words = this.words(block)
    const base = this.base(block)
    words[base] = next
    words[base + 1] = NONE
    if (next !== NONE) this.words(next)[this.base(next) + 1] = block
    words[base + ORDER] = order
    this.#first[order] = block
    this.#chunks[block >>> CHUNK_ORDER]!.free[(block & (CHUNK_UNITS - 1)) >>> 5]! |= bitOf(block)
  }

  #unlink(block: number, order: number): void {
    const words = this.words(block)
    const base = this.base(block)
    const next = words[base]!
    const previous = words[base + 1]!
    if (previous === NONE) this.#first[order] = next
    else this.words(previous)[this.base(previous)] = next
    if (next !== NONE) this.words(next)[this.base(next) + 1] = previous
    this.#chunks[block >>> CHUNK_ORDER]!.free[(block & (CHUNK_UNITS - 1)) >>> 5]! &= ~bitOf(block)
  }

  /** Whether a free block of just this order begins at the unit. */
  #isFree(block: number, order: number): boolean {
    const { free } = this.#chunks[block >>> CHUNK_ORDER]!
    if ((free[(block & (CHUNK_UNITS - 1)) >>> 5]! & bitOf(block)) === 0) return false
    return this.words(block)[this.base(block) + ORDER] === order
  }
}

/** A unit's bit in its word of {@link Chunk.free}. */
function bitOf(block: number): number {
  return 1 << (block & 31)
}

/** The smallest order whose block holds so many units. */
export function orderFor(units: number): number {
  return units <= 1 ? 0 : 32 - Math.clz32(units - 1)
}
