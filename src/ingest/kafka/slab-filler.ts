import type { Report } from '../../model/occurrence.ts'
import type { LogSink, Rejection } from '../source.ts'
import type { Decode, KafkaRecord } from './record.ts'

/** A slab is full at the first of these; small enough that a busy partition delays no other. */
const RECORDS_MAX = 1_000
const BYTES_MAX = 1_048_576

/** Reads records in a topic's format into slabs, and counts what became of them. */
export class SlabFiller {
  readonly #input: string
  readonly #decode: Decode
  readonly #report: Report
  readonly #rejected = new Map<Rejection, number>()
  #accepted = 0

  constructor(options: {
    readonly input: string
    readonly decode: Decode
    readonly report: Report
  }) {
    this.#input = options.input
    this.#decode = options.decode
    this.#report = options.report
  }

  /**
   * Takes records from `from` on until the slab is full; returns the index of the next. A record
   * is never split over slabs, however many messages it holds.
   */
  fill(sink: LogSink, records: readonly KafkaRecord[], from: number): number {
    this.#accepted = 0
    this.#rejected.clear()
    let at = from
    while (at < records.length && sink.count < RECORDS_MAX && sink.bytes < BYTES_MAX) {
      this.#take(sink, records[at]!)
      at++
    }
    return at
  }

  /** What was filled last is durable: now it counts. */
  tell(): void {
    const input = this.#input
    if (this.#accepted > 0) {
      const labels = { input, transport: 'kafka' }
      this.#report({ name: 'input.accepted', labels, count: this.#accepted })
    }
    for (const [reason, count] of this.#rejected) {
      this.#report({ name: 'input.rejected', labels: { input, reason }, count })
    }
  }

  #take(sink: LogSink, record: KafkaRecord): void {
    const decoded = this.#decode(record)
    if ('rejection' in decoded) {
      this.#reject(sink, record, decoded.rejection)
      return
    }
    for (const message of decoded.messages) {
      const rejection = sink.accept(message, record.timestampMs)
      if (rejection === undefined) this.#accepted++
      else this.#reject(sink, { ...record, value: message }, rejection)
    }
  }

  #reject(sink: LogSink, { value, timestampMs }: KafkaRecord, reason: Rejection): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + 1)
    sink.poison(value ?? new Uint8Array(0), timestampMs, reason)
  }
}
