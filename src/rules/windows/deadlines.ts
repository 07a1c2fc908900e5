/** Something that must be looked at when its rule's watermark passes `dueMs`. */
export interface Due {
  /** Its earliest deadline in event time; Infinity when it has none. */
  dueMs: number
}

interface Entry<T> {
  readonly atMs: number
  readonly order: number
  readonly item: T
}

/**
 * Deadlines in event time, earliest first, so that passing time never walks all groups. An item
 * has one deadline that counts; bringing it forward leaves a stale entry, which is skipped. Each
 * item may be brought forward a few times before it is due, so the heap stays within a small
 * multiple of the groups, which are capped.
 */
export class Deadlines<T extends Due> {
  #heap: Entry<T>[] = []
  #order = 0

  /** Makes `atMs` the item's deadline when it is earlier than the one it has. */
  schedule(item: T, atMs: number): void {
    if (atMs >= item.dueMs) return
    item.dueMs = atMs
    this.#push({ atMs, order: this.#order++, item })
  }

  /** Takes an item whose deadline lies below `watermarkMs`; it then has none. */
  take(watermarkMs: number): T | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.atMs >= watermarkMs && first.item.dueMs === first.atMs) return undefined
      this.#pop()
      if (first.item.dueMs !== first.atMs) continue
      first.item.dueMs = Infinity
      return first.item
    }
    return undefined
  }

  /** The earliest deadline; Infinity when there is none. */
  nextMs(): number {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.item.dueMs === first.atMs) return first.atMs
      this.#pop()
    }
    return Infinity
  }

  /** Forgets the item; its entry is skipped later. */
  cancel(item: T): void {
    item.dueMs = Infinity
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (isBefore(heap[parent]!, entry)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const entry = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(entry, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
