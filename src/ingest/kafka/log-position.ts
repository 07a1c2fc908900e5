/** What to do with a batch, given where its log was read up to. */
export type BatchPlan =
  /** It goes on where the last one ended. */
  | 'take'
  /** It begins before: the client went back to where the group stood. Seek. */
  | 'behind'
  /** It begins after what could be accounted for: find out what is missing before anything else. */
  | 'jump'

/**
 * How far the log of one partition was read. `next` is what the journal holds, `seen` may be
 * beyond it: batches that held nothing but control records or aborted transactions are never
 * handed out, and the next batch begins behind them.
 */
export class LogPosition {
  /** Offset of the next record that the journal does not hold. */
  next: number
  #seen: number

  constructor(next: number) {
    this.next = next
    this.#seen = next
  }

  /** Up to where nothing is left to read, as far as we know. */
  get seen(): number {
    return this.#seen
  }

  /** The client passed over records that nobody gets to see, up to this one. */
  skipped(lastOffset: number): void {
    this.#seen = Math.max(this.#seen, lastOffset + 1)
  }

  /** The journal holds everything below `to`. */
  durable(to: number): void {
    this.next = to
    this.#seen = Math.max(this.#seen, to)
  }

  plan(fetchedOffset: number): BatchPlan {
    if (fetchedOffset < this.next) return 'behind'
    return fetchedOffset > this.#seen ? 'jump' : 'take'
  }
}
