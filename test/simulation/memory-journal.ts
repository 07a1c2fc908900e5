import type {
  JournalBatch,
  JournalPartition,
  JournalReader,
  JournalWriter,
} from '../../src/ingest/journal/journal.ts'
import { JournalWriteError } from '../../src/ingest/journal/journal.ts'
import type { Durable, Slab } from '../../src/model/slab.ts'
import { slabCount } from '../../src/model/slab.ts'

/** The journal's disk: it outlives every process, and all of them read it. */
export class MemoryJournal {
  readonly #batches = new Map<string, JournalBatch[]>()
  /** While true the disk refuses every append. */
  isFull = false
  /** What the disk has lost although it had been accepted. */
  readonly lost: { readonly partition: string; readonly from: number; readonly to: number }[] = []

  /** Batches of a partition in order of position. */
  batches(partition: string): readonly JournalBatch[] {
    return this.#batches.get(partition) ?? []
  }

  /** The batch that begins there cannot be read any more. */
  lose(partition: string, first: number): void {
    const batches = this.#batches.get(partition)!
    const at = batches.findIndex((batch) => batch.first === first)
    const [{ count }] = batches.splice(at, 1) as [JournalBatch]
    this.lost.push({ partition, from: first, to: first + count })
  }

  partitions(): JournalPartition[] {
    return [...this.#batches]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([partition, batches]) => ({
        partition,
        first: batches[0]!.first,
        next: nextOf(batches),
        minReceivedMs: Math.min(...batches.map(({ receivedMs }) => receivedMs)),
        maxReceivedMs: Math.max(...batches.map(({ receivedMs }) => receivedMs)),
      }))
  }

  writer(): JournalWriter {
    return {
      append: (slabs) => {
        if (this.isFull) throw new JournalWriteError('the journal', 'ENOSPC', new Error('full'))
        return slabs.map((slab) => this.#append(slab))
      },
      retain: () => [],
      close: () => undefined,
    }
  }

  reader(): JournalReader {
    return {
      read: (partition, from, to = Infinity) => this.#read(partition, from, to),
      readSince: (partition, receivedMs) => {
        if (partition === undefined) throw new Error('nobody here reads all partitions by time')
        return this.batches(partition).filter((batch) => batch.receivedMs >= receivedMs)
      },
      at: (partition, position) => this.#at(partition, position),
      // Nobody here sends over HTTP.
      requestsSince: () => [],
      partitions: () => this.partitions(),
      close: () => undefined,
    }
  }

  #append(slab: Slab): Durable {
    const { partition, thread, seq, bytes, offsets, receivedMs } = slab
    const batches = this.#batches.get(partition) ?? []
    this.#batches.set(partition, batches)
    const first = nextOf(batches)
    const count = slabCount(slab)
    batches.push({ partition, first, count, receivedMs, bytes, offsets })
    return { partition, thread, seq, count, firstPosition: first }
  }

  *#read(partition: string, from: number, to: number): Iterable<JournalBatch> {
    for (const batch of this.batches(partition)) {
      if (batch.first >= to) return
      if (batch.first + batch.count > from) yield batch
    }
  }

  #at(partition: string, position: number) {
    const batch = this.batches(partition).find(
      ({ first, count }) => first <= position && position < first + count,
    )
    if (batch === undefined) return undefined
    const { offsets, first, bytes, receivedMs } = batch
    const start = offsets[position - first]!
    return { bytes: bytes.subarray(start, offsets[position - first + 1]), receivedMs }
  }
}

function nextOf(batches: readonly JournalBatch[]): number {
  const last = batches.at(-1)
  return last === undefined ? 0 : last.first + last.count
}
