import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { SlabWriter } from '../../src/ingest/slab-writer.ts'
import type { Outcome, SlabWriterOptions } from '../../src/ingest/slab-writer.ts'
import { systemTimers } from '../../src/system-clock.ts'
import type { FieldValue } from '../../src/model/event.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import { slabCount } from '../../src/model/slab.ts'
import type { Slab } from '../../src/model/slab.ts'

/** What every record of these tests was received at: 2026-11-24 10:00 UTC. */
export const RECEIVED_MS = 1_795_514_400_000

/**
 * A real slab writer whose journal is a list in memory: the events of a slab are seen once the
 * slab was handed over, and it is settled on the next turn of the event loop, or when told.
 */
export class MemorySink {
  readonly events: Record<string, FieldValue>[] = []
  readonly slabs: Slab[] = []
  readonly occurrences: Occurrence[] = []
  readonly writer: SlabWriter
  outcome: Outcome | 'wait' = 'durable'
  #open: Record<string, FieldValue>[] = []

  constructor(options: Partial<SlabWriterOptions> = {}) {
    this.writer = new SlabWriter({
      partition: 'test@1',
      thread: 0,
      clock: () => RECEIVED_MS,
      event: new GelfEvent(),
      onRecord: (view) => this.#open.push(view.fields()),
      onSlab: (slab) => {
        this.slabs.push(slab)
        this.events.push(...this.#open)
        this.#open = []
        const { outcome } = this
        if (outcome !== 'wait') setImmediate(() => this.writer.settle(slab.seq, outcome))
      },
      onAbort: () => (this.#open = []),
      report: (occurrence) => this.occurrences.push(occurrence),
      ...options,
    })
  }

  /** What a source is given beside its own settings. */
  get parts() {
    return {
      name: 'test',
      listen: { host: '127.0.0.1', port: 0 },
      sink: this.writer,
      report: (occurrence: Occurrence) => void this.occurrences.push(occurrence),
      clock: () => Date.now(),
      timers: systemTimers,
    }
  }

  get messages(): FieldValue[] {
    return this.events.map((event) => event['message']!)
  }

  /** Records that were handed over, own ones included. */
  get records(): number {
    return this.slabs.reduce((sum, slab) => sum + slabCount(slab), 0)
  }

  /** Sum of the counts of an occurrence, of one reason or flag, or of all. */
  count(name: string, label?: string): number {
    return this.occurrences
      .filter((one) => one.name === name)
      .filter(({ labels = {} }) => label === undefined || Object.values(labels).includes(label))
      .reduce((sum, { count = 1 }) => sum + count, 0)
  }
}

/** A GELF message with the least it needs, and what is added. */
export function gelf(message: string, more: object = {}): string {
  return JSON.stringify({ version: '1.1', host: 'web-1', short_message: message, ...more })
}
