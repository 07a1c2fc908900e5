import type { GroupKey } from '../../model/group.ts'

/** Looked at before the oldest group goes although it is busy. */
const SECOND_CHANCES = 16

export interface TableEntry {
  readonly key: GroupKey
  /** Set by whoever uses the group, taken away when the table looks for one to drop. */
  isRecent: boolean
}

/**
 * The groups of one rule, at most `max` (I2). When it is full, the oldest one makes room: groups
 * used since the last look, or that the caller calls busy, get a second chance.
 */
export class GroupTable<G extends TableEntry> {
  readonly #groups = new Map<GroupKey, G>()
  readonly #max: number
  #hand: IterableIterator<G>

  constructor(max: number) {
    this.#max = max
    this.#hand = this.#groups.values()
  }

  get size(): number {
    return this.#groups.size
  }

  get(key: GroupKey): G | undefined {
    return this.#groups.get(key)
  }

  values(): IterableIterator<G> {
    return this.#groups.values()
  }

  add(group: G): void {
    this.#groups.set(group.key, group)
  }

  delete(group: G): void {
    this.#groups.delete(group.key)
  }

  /** The group to drop before another is added; `undefined` while there is room. */
  overflowing(isBusy: (group: G) => boolean): G | undefined {
    if (this.#groups.size < this.#max) return undefined
    let candidate = this.#next()
    for (let chances = SECOND_CHANCES; chances > 0; chances--) {
      if (candidate === undefined || (!candidate.isRecent && !isBusy(candidate))) break
      candidate.isRecent = false
      candidate = this.#next()
    }
    return candidate
  }

  /** Goes round in the order of creation; a new iterator for every look would walk over holes. */
  #next(): G | undefined {
    let step = this.#hand.next()
    if (step.done === true) {
      this.#hand = this.#groups.values()
      step = this.#hand.next()
    }
    return step.done === true ? undefined : step.value
  }
}
