import type { GroupHash } from './group-hash.ts'
import type { GroupStore } from './group-store.ts'

/** Up to so many, all are looked at; more get an index. */
const UNINDEXED = 8
const CHILDREN = 4
const TAG_SHIFT = 24
const NUMBER_BITS = 0xff_ffff

/**
 * The groups of one bucket: an index by hash (open addressing, linear) and a heap by deadline in
 * event time. The heap is exact and its order follows from the groups alone, so a bounded number
 * of them can be taken at a time without the order of arrival deciding which.
 */
export class BucketGroups {
  readonly #store: GroupStore
  /** Eight bits of the hash and the number + 1; 0 is empty. */
  #index: Uint32Array | undefined
  /** Four-ary heap: numbers, and their deadlines beside them. */
  readonly #ids: number[] = []
  readonly #dues: number[] = []

  constructor(store: GroupStore) {
    this.#store = store
  }

  get size(): number {
    return this.#ids.length
  }

  /** In no order that means anything. */
  get ids(): readonly number[] {
    return this.#ids
  }

  /** -1 when it is not there. */
  find(hash: GroupHash): number {
    const index = this.#index
    if (index === undefined) {
      for (const id of this.#ids) if (this.#store.is(id, hash)) return id
      return -1
    }
    const mask = index.length - 1
    const tag = tagOf(hash.high)
    let at = hash.low & mask
    for (let entry = index[at]!; entry !== 0; entry = index[at]!) {
      // Other groups are passed over without looking at them.
      if (entry >>> TAG_SHIFT === tag) {
        const id = (entry & NUMBER_BITS) - 1
        if (this.#store.is(id, hash)) return id
      }
      at = (at + 1) & mask
    }
    return -1
  }

  /** Has no deadline until {@link schedule}. */
  add(hash: GroupHash): number {
    const id = this.#store.add(hash)
    this.#ids.push(id)
    this.#dues.push(Infinity)
    this.#up(this.#ids.length - 1)
    if (this.#index === undefined) {
      if (this.#ids.length > UNINDEXED) this.#reindex(UNINDEXED * 4)
    } else if (this.#ids.length * 4 > this.#index.length * 3) {
      this.#reindex(this.#index.length * 2)
    } else {
      this.#enter(this.#index, id)
    }
    return id
  }

  delete(id: number): void {
    if (this.#index !== undefined) this.#leave(this.#index, id)
    const place = this.#store.place(id)
    const last = this.#ids.pop()!
    const lastDue = this.#dues.pop()!
    if (last !== id) {
      this.#ids[place] = last
      this.#dues[place] = lastDue
      this.#store.setPlace(last, place)
      this.#down(place)
      this.#up(this.#store.place(last))
    }
    this.#store.remove(id)
  }

  schedule(id: number, dueMs: number): void {
    const place = this.#store.place(id)
    const before = this.#dues[place]!
    if (before === dueMs) return
    this.#dues[place] = dueMs
    if (dueMs < before) this.#up(place)
    else this.#down(place)
  }

  /** The earliest deadline; Infinity when there is none. */
  get nextDueMs(): number {
    return this.#dues[0] ?? Infinity
  }

  /** The group with the earliest deadline; there must be one. */
  get next(): number {
    return this.#ids[0]!
  }

  #up(from: number): void {
    const [ids, dues] = [this.#ids, this.#dues]
    const id = ids[from]!
    const dueMs = dues[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >>> 2
      if (!this.#isBefore(dueMs, id, parent)) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, id, dueMs)
  }

  #down(from: number): void {
    const [ids, dues] = [this.#ids, this.#dues]
    const id = ids[from]!
    const dueMs = dues[from]!
    let at = from
    for (;;) {
      const first = at * CHILDREN + 1
      const end = Math.min(first + CHILDREN, ids.length)
      if (first >= end) break
      let least = first
      for (let child = first + 1; child < end; child++) {
        if (this.#isBefore(dues[child]!, ids[child]!, least)) least = child
      }
      if (this.#isBefore(dueMs, id, least)) break
      this.#move(least, at)
      at = least
    }
    this.#put(at, id, dueMs)
  }

  #isBefore(dueMs: number, id: number, place: number): boolean {
    const other = this.#dues[place]!
    return dueMs < other || (dueMs === other && this.#store.compare(id, this.#ids[place]!) < 0)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#ids[from]!, this.#dues[from]!)
  }

  #put(place: number, id: number, dueMs: number): void {
    this.#ids[place] = id
    this.#dues[place] = dueMs
    this.#store.setPlace(id, place)
  }

  #reindex(length: number): void {
    this.#index = new Uint32Array(length)
    for (const id of this.#ids) this.#enter(this.#index, id)
  }

  #enter(index: Uint32Array, id: number): void {
    const mask = index.length - 1
    let at = this.#store.hashLow(id) & mask
    while (index[at] !== 0) at = (at + 1) & mask
    index[at] = ((tagOf(this.#store.hashHigh(id)) << TAG_SHIFT) | (id + 1)) >>> 0
  }

  /** Moves up what lies behind it, so that no search ends at the hole. */
  #leave(index: Uint32Array, id: number): void {
    const mask = index.length - 1
    let hole = this.#store.hashLow(id) & mask
    while ((index[hole]! & NUMBER_BITS) !== id + 1) hole = (hole + 1) & mask
    for (let at = (hole + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const home = this.#store.hashLow((index[at]! & NUMBER_BITS) - 1) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      index[hole] = index[at]!
      hole = at
    }
    index[hole] = 0
  }
}

/** Bits that neither the bucket nor the place in the index is made of. */
function tagOf(hashHigh: number): number {
  return (hashHigh >>> 16) & 0xff
}
