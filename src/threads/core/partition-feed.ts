import type { Matches } from '../../model/matches.ts'
import type { Durable } from '../../model/slab.ts'
import { slabName } from '../messages.ts'

/** A slab at its place in the partition; without matches it has to be read back and matched. */
export interface PlacedSlab {
  readonly from: number
  readonly count: number
  readonly matches: Matches | undefined
}

interface Waiting {
  durable?: Durable
  matches?: Matches
  /** Its rows were dropped to keep memory bounded, or it was written by an earlier process. */
  isForgotten?: boolean
  /** The journal could not keep it: it has no place. */
  isRefused?: boolean
}

/**
 * Puts the slabs of one partition in order of position (design §4.5): a slab is ready when the
 * journal has it and its matches are there. Rows beyond the cap are forgotten, not the slab: the
 * journal is the buffer, so the slab is matched again when its turn comes (I2).
 */
export class PartitionFeed {
  /** Position of the next record to evaluate. */
  next: number
  /** One past the last record known to be durable. */
  durableTo: number
  readonly #waiting = new Map<string, Waiting>()
  readonly #byPosition = new Map<number, string>()
  #rows = 0

  constructor(next: number, durableTo = next) {
    this.next = next
    this.durableTo = durableTo
  }

  /** Rows held in memory. */
  get rows(): number {
    return this.#rows
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get isCaughtUp(): boolean {
    return this.next >= this.durableTo && this.#waiting.size === 0
  }

  durable(durable: Durable): void {
    const name = slabName(durable)
    const entry = this.#entry(name)
    entry.durable = durable
    this.#byPosition.set(durable.firstPosition, name)
    this.durableTo = Math.max(this.durableTo, durable.firstPosition + durable.count)
  }

  /** Another process wrote on in this partition: what it wrote is read from the journal. */
  grow(durableTo: number): void {
    this.durableTo = Math.max(this.durableTo, durableTo)
  }

  /** `keepRows` false: there is no room; the slab will be matched again from the journal. */
  matches(matches: Matches, keepRows: boolean): void {
    const name = slabName(matches)
    const entry = this.#entry(name)
    if (entry.isRefused) {
      this.#waiting.delete(name)
    } else if (keepRows) {
      entry.matches = matches
      this.#rows += matches.rows.length
    } else {
      entry.isForgotten = true
    }
  }

  refused(name: string): void {
    const entry = this.#entry(name)
    if (entry.matches === undefined && entry.isForgotten !== true) {
      entry.isRefused = true
      return
    }
    this.#rows -= entry.matches?.rows.length ?? 0
    this.#waiting.delete(name)
  }

  /**
   * The slabs from `next` on that are ready, until `budget` records are reached (at least one
   * slab). Moves `next` past them. A slab of a former process has no entry here: the caller reads
   * the journal up to `durableTo`, told by `count` 0.
   */
  take(budget: number): readonly PlacedSlab[] {
    const taken: PlacedSlab[] = []
    let records = 0
    while (records < budget && this.next < this.durableTo) {
      const name = this.#byPosition.get(this.next)
      if (name === undefined) {
        if (taken.length === 0) return [{ from: this.next, count: 0, matches: undefined }]
        break
      }
      const entry = this.#waiting.get(name)
      if (entry?.durable === undefined) break
      if (entry.matches === undefined && entry.isForgotten !== true) break
      const count = entry.durable.count
      taken.push({ from: this.next, count, matches: entry.matches })
      this.#rows -= entry.matches?.rows.length ?? 0
      this.#waiting.delete(name)
      this.#byPosition.delete(this.next)
      this.next += count
      records += count
    }
    return taken
  }

  #entry(name: string): Waiting {
    let entry = this.#waiting.get(name)
    if (entry === undefined) {
      entry = {}
      this.#waiting.set(name, entry)
    }
    return entry
  }
}
