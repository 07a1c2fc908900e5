import type { Report } from '../../model/occurrence.ts'
import { type Durable, inputOfPartition, type Slab, slabCount } from '../../model/slab.ts'
import { type JournalWriter, JournalWriteError } from './journal.ts'

/** A slab of which nothing was kept, by its name, with a sentence that says why. */
export interface RefusedSlab {
  readonly partition: string
  readonly thread: number
  readonly seq: number
  readonly message: string
}

/** Some seconds of traffic, should one commit take that long. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/**
 * Collects slabs while a commit runs and appends all of them in the next one. Without a timer: the
 * owner calls {@link flush} whenever the last one returned and something waits. Every slab gets
 * exactly one answer: refused by `push`, or durable or refused by the next `flush`.
 */
export class GroupCommit {
  readonly #writer: JournalWriter
  readonly #report: Report
  readonly #maxBytes: number
  #waiting: Slab[] = []
  #waitingBytes = 0

  constructor(options: {
    readonly writer: JournalWriter
    readonly report: Report
    /** Bytes that may wait; default 64 MiB. */
    readonly maxBytes?: number
  }) {
    this.#writer = options.writer
    this.#report = options.report
    this.#maxBytes = options.maxBytes ?? WAITING_BYTES_MAX
  }

  /** Slabs that wait for the next flush. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Takes a slab, or answers at once that there is no room for it (I2). A slab that finds nothing
   * waiting is always taken, however large.
   */
  push(slab: Slab): RefusedSlab | undefined {
    const bytes = this.#waitingBytes + slab.bytes.length + slab.offsets.byteLength
    if (this.#waiting.length > 0 && bytes > this.#maxBytes) {
      const message = `the journal does not keep up: ${this.#waitingBytes} bytes are waiting`
      this.#reportDropped([slab])
      return refusal(slab, message)
    }
    this.#waiting.push(slab)
    this.#waitingBytes = bytes
    return undefined
  }

  /**
   * Appends everything that waits in one transaction. When the disk refuses, all of it is answered
   * as refused and the next flush tries again with what came since; any other error is thrown.
   */
  flush(): { readonly durable: readonly Durable[]; readonly refused: readonly RefusedSlab[] } {
    const slabs = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    if (slabs.length === 0) return { durable: [], refused: [] }
    try {
      return { durable: this.#writer.append(slabs), refused: [] }
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error
      this.#reportDropped(slabs)
      return { durable: [], refused: slabs.map((slab) => refusal(slab, error.message)) }
    }
  }

  #reportDropped(slabs: readonly Slab[]): void {
    const records = new Map<string, number>()
    for (const slab of slabs) {
      // Still in the log that it was read from, and read again.
      if (slab.source !== undefined) continue
      const input = inputOfPartition(slab.partition)
      records.set(input, (records.get(input) ?? 0) + slabCount(slab))
    }
    for (const [input, count] of records) {
      this.#report({ name: 'journal.full', labels: { input }, count })
    }
  }
}

function refusal({ partition, thread, seq }: Slab, message: string): RefusedSlab {
  return { partition, thread, seq, message }
}
