import type { Clock } from '../lib/clock.ts'
import type { EventFlag } from '../model/event.ts'
import type { Report } from '../model/occurrence.ts'
import { inputOfPartition } from '../model/slab.ts'
import type { Slab } from '../model/slab.ts'
import type { GelfEvent } from './normalise/gelf-event.ts'
import type { LogSink, Rejection } from './source.ts'

/** A poison record is kept to look at, not to be replayed: this much of it. */
const POISON_BYTES_MAX = 65_536

export interface LogSlabWriterOptions {
  /** Journal partition, `input#log@epoch`. */
  readonly partition: string
  /** Number of this intake thread. */
  readonly thread: number
  readonly clock: Clock
  readonly report: Report
  /** The view that is moved over every record; it decides what is a record. */
  readonly event: GelfEvent
  /** A record was taken; not called for records of our own log (I12). The view is valid only now. */
  readonly onRecord: (view: GelfEvent, ordinal: number, maxTimeMs: number) => void
  /** A slab is whole. Its bytes belong to the receiver. */
  readonly onSlab: (slab: Slab, maxTimeMs: number) => void
}

/**
 * Puts the records of one log's partition into slabs, one at a time: the next is sealed when the
 * journal has answered for the last. So a refused slab is filled again with nothing behind it, and
 * the journal holds the log without holes.
 */
export class LogSlabWriter implements LogSink {
  readonly #options: LogSlabWriterOptions
  #seq = 0
  #records: Uint8Array[] = []
  #times: number[] = []
  #poison: { readonly ordinal: number; readonly reason: string }[] = []
  #bytes = 0
  #maxTimeMs = Number.NEGATIVE_INFINITY
  readonly #flags = new Map<EventFlag, number>()
  #waiting: PromiseWithResolvers<'durable' | 'refused'> | undefined

  constructor(options: LogSlabWriterOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#records.length
  }

  get bytes(): number {
    return this.#bytes
  }

  accept(bytes: Uint8Array, timestampMs: number): Rejection | undefined {
    const { event, onRecord } = this.#options
    const receivedMs = this.#received(timestampMs)
    const rejection = event.scan(bytes, 0, bytes.length, receivedMs)
    if (rejection !== undefined) return rejection
    const ordinal = this.#keep(bytes, receivedMs)
    this.#maxTimeMs = Math.max(this.#maxTimeMs, Math.min(event.timeMs, receivedMs))
    for (const flag of event.flags) this.#flags.set(flag, (this.#flags.get(flag) ?? 0) + 1)
    if (!event.isOwn) onRecord(event, ordinal, this.#maxTimeMs)
    return undefined
  }

  poison(bytes: Uint8Array, timestampMs: number, reason: string): void {
    const kept = bytes.subarray(0, POISON_BYTES_MAX)
    this.#poison.push({ ordinal: this.#keep(kept, this.#received(timestampMs)), reason })
  }

  async ready(): Promise<void> {
    while (this.#waiting !== undefined) await this.#waiting.promise
  }

  seal(to: number): Promise<'durable' | 'refused'> {
    if (this.#waiting !== undefined) throw new Error('the slab before is not answered yet')
    if (this.#records.length === 0) return Promise.resolve('durable')
    const { partition, thread, onSlab } = this.#options
    const offsets = new Uint32Array(this.#records.length + 1)
    for (const [i, record] of this.#records.entries()) offsets[i + 1] = offsets[i]! + record.length
    const slab: Slab = {
      partition,
      thread,
      seq: this.#seq++,
      bytes: new Uint8Array(Buffer.concat(this.#records, this.#bytes)),
      offsets,
      // The least: no record of the slab is late by the receive time of another one.
      receivedMs: this.#times.reduce((least, time) => Math.min(least, time), Infinity),
      source: { to, times: Float64Array.from(this.#times), poison: this.#poison },
    }
    const maxTimeMs = this.#maxTimeMs
    this.#waiting = Promise.withResolvers()
    const { promise } = this.#waiting
    this.#reportFlags()
    this.#clear()
    onSlab(slab, maxTimeMs)
    return promise
  }

  /** The journal answered for the slab that was sealed. */
  settle(outcome: 'durable' | 'refused'): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(outcome)
  }

  /** The lower of the record's own time and our clock; ours where it has none (design §4.2). */
  #received(timestampMs: number): number {
    const nowMs = this.#options.clock()
    return timestampMs > 0 ? Math.min(timestampMs, nowMs) : nowMs
  }

  #keep(bytes: Uint8Array, receivedMs: number): number {
    this.#bytes += bytes.length
    this.#times.push(receivedMs)
    return this.#records.push(bytes) - 1
  }

  #reportFlags(): void {
    const { report, partition } = this.#options
    const input = inputOfPartition(partition)
    for (const [flag, count] of this.#flags) {
      report({ name: 'input.flagged', labels: { input, flag }, count })
    }
  }

  #clear(): void {
    this.#records = []
    this.#times = []
    this.#poison = []
    this.#bytes = 0
    this.#maxTimeMs = Number.NEGATIVE_INFINITY
    this.#flags.clear()
  }
}
