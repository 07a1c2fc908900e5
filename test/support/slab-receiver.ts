import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { SlabWriter } from '../../src/ingest/slab-writer.ts'
import type { EventView } from '../../src/model/event.ts'
import type { Matches } from '../../src/model/matches.ts'
import type { Slab } from '../../src/model/slab.ts'
import type { MatchStep } from '../../src/pipeline.ts'

/** GELF messages of one partition, scanned and matched as an input does, without a socket. */
export class SlabReceiver {
  readonly #writer: SlabWriter
  #nowMs = 0
  #slabs: { readonly slab: Slab; readonly matches: Matches }[] = []

  constructor(options: {
    readonly partition: string
    readonly step: MatchStep
    readonly onRecord?: (view: EventView) => void
  }) {
    const { partition, step, onRecord } = options
    this.#writer = new SlabWriter({
      partition,
      thread: 0,
      clock: () => this.#nowMs,
      event: new GelfEvent(),
      onRecord: (view, ordinal, maxTimeMs) => {
        onRecord?.(view)
        step.record(view, ordinal, maxTimeMs)
      },
      onSlab: (slab, maxTimeMs) => this.#slabs.push({ slab, matches: step.seal(slab, maxTimeMs) }),
      onAbort: () => step.abort(),
    })
  }

  /** What one read delivered at `nowMs`. Throws when a message is refused. */
  receive(
    nowMs: number,
    messages: readonly string[],
  ): { readonly slab: Slab; readonly matches: Matches } {
    this.#nowMs = nowMs
    for (const message of messages) {
      const bytes = Buffer.from(message)
      const rejection = this.#writer.accept(bytes, 0, bytes.length)
      if (rejection !== undefined) throw new Error(`${message} is refused: ${rejection}`)
    }
    this.#writer.seal()
    const [received, ...more] = this.#slabs
    this.#slabs = []
    if (received === undefined || more.length > 0) throw new Error('expected one slab')
    this.#writer.settle(received.slab.seq, 'durable')
    return received
  }
}
