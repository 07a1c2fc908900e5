import type { Report } from '../../model/occurrence.ts'
import type { RecordSink, Rejection } from '../source.ts'
import type { KeptRequest } from '../../model/slab.ts'
import type { Outcome } from '../slab-writer.ts'

/**
 * What became of an input's messages, reported per read and not per message: accepted once the
 * journal holds them (I3), everything else with its reason (I2).
 */
export class IntakeReport {
  readonly #report: Report
  readonly #input: string
  readonly #transport: string
  readonly #onDropped: ((count: number) => void) | undefined
  readonly #rejected = new Map<Rejection, number>()
  #accepted = 0

  constructor(options: {
    report: Report
    input: string
    transport: string
    /** Told of records that are lost because there was no room for them. */
    onDropped?: (count: number) => void
  }) {
    this.#report = options.report
    this.#onDropped = options.onDropped
    this.#input = options.input
    this.#transport = options.transport
  }

  /** The sink took a message. */
  accepted(): void {
    this.#accepted++
  }

  /** Hands a message to the sink and notes what it said. */
  take(sink: RecordSink, bytes: Uint8Array, start: number, end: number): Rejection | undefined {
    const rejection = sink.accept(bytes, start, end)
    if (rejection === undefined) this.accepted()
    else this.rejected(rejection)
    return rejection
  }

  /** The same for what a stream ended with: when that is no message, it was cut. */
  takeRest(sink: RecordSink, bytes: Uint8Array, start: number, end: number): void {
    const rejection = sink.accept(bytes, start, end)
    if (rejection === undefined) this.accepted()
    else this.rejected(rejection === 'json' || rejection === 'utf8' ? 'incomplete' : rejection)
  }

  rejected(reason: Rejection, count = 1): void {
    this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + count)
  }

  /** The read is over: seals, and reports what it brought. */
  seal(sink: RecordSink, onSettled?: (outcome: Outcome) => void, request?: KeptRequest): void {
    const count = this.#accepted
    this.#accepted = 0
    this.flush()
    if (count === 0) return
    sink.seal((outcome) => {
      if (outcome === 'durable') {
        const labels = { input: this.#input, transport: this.#transport }
        this.#report({ name: 'input.accepted', labels, count })
      } else {
        this.rejected('journal', count)
        this.flush()
      }
      onSettled?.(outcome)
    }, request)
  }

  /**
   * The read is over, and what it brought may share a slab with what comes while the journal is
   * busy. Without a timer: it is sealed at the latest when an earlier slab is settled.
   */
  sealSoon(sink: RecordSink): void {
    this.flush()
    if (this.#accepted === 0 || sink.mayWait) return
    this.seal(sink, () => this.sealSoon(sink))
  }

  /** The request is refused as a whole: nothing of it was accepted. */
  abort(sink: RecordSink): void {
    if (this.#accepted > 0) sink.abort()
    this.#accepted = 0
    this.flush()
  }

  /** Reports the rejections noted so far. */
  flush(): void {
    if (this.#rejected.size === 0) return
    for (const [reason, count] of this.#rejected) {
      this.#report({ name: 'input.rejected', labels: { input: this.#input, reason }, count })
      if (reason === 'overload' || reason === 'journal') this.#onDropped?.(count)
    }
    this.#rejected.clear()
  }

  connectionRefused(reason: string, detail?: Readonly<Record<string, unknown>>): void {
    const labels = { input: this.#input, reason }
    this.#report({ name: 'input.connection_refused', labels, ...(detail && { detail }) })
  }
}
