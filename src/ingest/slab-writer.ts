import type { Clock } from '../lib/clock.ts'
import type { EventFlag } from '../model/event.ts'
import type { Report } from '../model/occurrence.ts'
import { inputOfPartition } from '../model/slab.ts'
import type { KeptRequest, Slab } from '../model/slab.ts'
import type { GelfEvent } from './normalise/gelf-event.ts'
import type { RecordSink, Rejection } from './source.ts'

/** A slab of more is handed on although its read goes on. Above what an HTTP request may hold. */
export const MAX_SLAB_BYTES = 4 * 1_048_576
export const MAX_SLAB_RECORDS = 5_000

/** Accepted bytes that the journal has not answered for: about a second of the fastest intake. */
const MAX_UNSETTLED_BYTES = 64 * 1_048_576

/**
 * How many slabs are under way at least before a small one waits for more, so that the journal
 * always has its next commit at hand; and what is small. A sender of single messages would else
 * cost a slab, a commit row and two messages between threads for each of them.
 */
const BUSY_SLABS = 2
const SMALL_BYTES = 65_536
const SMALL_RECORDS = 512
/** All its records have the receive time of the first. */
const GATHER_MS = 100

/** The buffer that is kept between slabs; a larger one is given back. */
const KEPT_BYTES = 262_144

/** `durable`: the journal holds it. `refused`: nothing of it was kept. */
export type Outcome = 'durable' | 'refused'

export interface SlabWriterOptions {
  /** Journal partition, `input@epoch`. */
  readonly partition: string
  /** Number of this intake thread. */
  readonly thread: number
  readonly clock: Clock
  /** The view that is moved over every record; it decides what is a record. */
  readonly event: GelfEvent
  /** A record was taken; not called for records of our own log (I12). The view is valid only now. */
  readonly onRecord: (view: GelfEvent, ordinal: number, maxTimeMs: number) => void
  /** A slab is whole. Its bytes belong to the receiver. */
  readonly onSlab: (slab: Slab, maxTimeMs: number) => void
  /** What `onRecord` told since the last slab did not happen. */
  readonly onAbort: () => void
  /** Default 64 MiB. */
  readonly maxUnsettledBytes?: number
  /** Told the flags of the records of each slab. */
  readonly report?: Report
}

/** What lies between two calls of `seal`: one slab, or several when a read was very long. */
interface Group {
  pending: number
  isSealed: boolean
  isRefused: boolean
  onSettled: ((outcome: Outcome) => void) | undefined
}

/**
 * Puts the records of one input and thread into slabs (design §4.5).
 *
 * 1. All records of a slab have one `receivedMs`: the clock at its first record.
 * 2. `maxTimeMs` is the greatest min(time, received) of the slab so far, own records included:
 *    they are stored and move position and watermark, but no rule sees them.
 * 3. What is accepted between two `seal`s is one slab if it has at most 4 MiB and 5,000 records,
 *    so a request of that size is kept as a whole or, after `abort`, not at all. Only a longer
 *    run is split, and then it cannot be aborted.
 * 4. Bytes count as unsettled from `accept` to the journal's answer; over the cap `accept`
 *    answers `overload`, and what is lost is counted by the source (I2).
 */
export class SlabWriter implements RecordSink {
  readonly #options: SlabWriterOptions
  readonly #maxUnsettledBytes: number
  readonly #unsettled = new Map<number, { readonly bytes: number; readonly group: Group }>()
  #unsettledBytes = 0
  #group: Group | undefined
  #seq = 0
  #bytes = Buffer.allocUnsafeSlow(KEPT_BYTES)
  #used = 0
  readonly #offsets = new Uint32Array(MAX_SLAB_RECORDS + 1)
  #count = 0
  #receivedMs = 0
  #maxTimeMs = Number.NEGATIVE_INFINITY
  readonly #flags = new Map<EventFlag, number>()
  #own = 0

  constructor(options: SlabWriterOptions) {
    this.#options = options
    this.#maxUnsettledBytes = options.maxUnsettledBytes ?? MAX_UNSETTLED_BYTES
  }

  /** Accepted bytes that wait for the journal. */
  get unsettledBytes(): number {
    return this.#unsettledBytes + this.#used
  }

  get mayWait(): boolean {
    const isSmall = this.#used < SMALL_BYTES && this.#count < SMALL_RECORDS
    if (!isSmall || this.#options.clock() - this.#receivedMs >= GATHER_MS) return false
    // What was split must be sealed: only that tells its sender how it ended.
    return this.#group === undefined && this.#unsettled.size >= BUSY_SLABS
  }

  accept(bytes: Uint8Array, start: number, end: number): Rejection | undefined {
    const { clock, event, onRecord } = this.#options
    const length = end - start
    if (this.unsettledBytes + length > this.#maxUnsettledBytes) return 'overload'
    const isFull = this.#count === MAX_SLAB_RECORDS || this.#used + length > MAX_SLAB_BYTES
    if (isFull && this.#count > 0) this.#handOver()
    if (this.#count === 0) this.#receivedMs = clock()
    const rejection = event.scan(bytes, start, end, this.#receivedMs)
    if (rejection !== undefined) return rejection

    const ordinal = this.#count
    this.#keep(bytes, start, end)
    this.#maxTimeMs = Math.max(this.#maxTimeMs, Math.min(event.timeMs, this.#receivedMs))
    for (const flag of event.flags) this.#flags.set(flag, (this.#flags.get(flag) ?? 0) + 1)
    if (event.isOwn) this.#own++
    else onRecord(event, ordinal, this.#maxTimeMs)
    return undefined
  }

  seal(onSettled?: (outcome: Outcome) => void, request?: KeptRequest): void {
    const group = this.#group ?? newGroup()
    const wasSplit = this.#group !== undefined
    if (this.#count === 0 && !wasSplit) return
    // Before the hand-over: a journal in the same thread may answer within it.
    group.onSettled = onSettled
    group.isSealed = true
    this.#group = group
    if (this.#count > 0) this.#handOver(request)
    else if (group.pending === 0) tell(group)
    this.#group = undefined
  }

  /**
   * Hands over what is open, if anything, although its read may not be sealed: what follows is
   * matched by other rules (I8). Not while a request is being accepted, which could not be aborted.
   */
  cut(): void {
    if (this.#count > 0) this.#handOver()
  }

  abort(): void {
    if (this.#group !== undefined) {
      throw new Error('a request larger than a slab cannot be taken back')
    }
    this.#clear()
    this.#options.onAbort()
  }

  /** The journal answered for a slab: frees its bytes and tells who sealed it. */
  settle(seq: number, outcome: Outcome): void {
    const slab = this.#unsettled.get(seq)
    if (slab === undefined) throw new Error(`slab ${seq} of ${this.#options.partition} is not open`)
    this.#unsettled.delete(seq)
    this.#unsettledBytes -= slab.bytes
    slab.group.pending--
    if (outcome === 'refused') slab.group.isRefused = true
    if (slab.group.isSealed && slab.group.pending === 0) tell(slab.group)
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#used + end - start
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#used)
      this.#bytes = larger
    }
    this.#bytes.set(bytes.subarray(start, end), this.#used)
    this.#used = needed
    this.#count++
    this.#offsets[this.#count] = needed
  }

  #handOver(request?: KeptRequest): void {
    const { partition, thread, onSlab } = this.#options
    const slab: Slab = {
      partition,
      thread,
      seq: this.#seq++,
      bytes: new Uint8Array(this.#bytes.subarray(0, this.#used)),
      offsets: this.#offsets.slice(0, this.#count + 1),
      receivedMs: this.#receivedMs,
      ...(request && { request }),
    }
    const maxTimeMs = this.#maxTimeMs
    this.#group ??= newGroup()
    this.#group.pending++
    this.#unsettled.set(slab.seq, { bytes: this.#used, group: this.#group })
    this.#unsettledBytes += this.#used
    this.#reportFlags()
    this.#clear()
    onSlab(slab, maxTimeMs)
  }

  #reportFlags(): void {
    const { report, partition } = this.#options
    if (report === undefined) return
    const input = inputOfPartition(partition)
    for (const [flag, count] of this.#flags) {
      report({ name: 'input.flagged', labels: { input, flag }, count })
    }
    if (this.#own > 0) report({ name: 'input.own_record', labels: { input }, count: this.#own })
  }

  #clear(): void {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(KEPT_BYTES)
    this.#used = 0
    this.#count = 0
    this.#maxTimeMs = Number.NEGATIVE_INFINITY
    this.#flags.clear()
    this.#own = 0
  }
}

function newGroup(): Group {
  return { pending: 0, isSealed: false, isRefused: false, onSettled: undefined }
}

function tell(group: Group): void {
  group.onSettled?.(group.isRefused ? 'refused' : 'durable')
}
