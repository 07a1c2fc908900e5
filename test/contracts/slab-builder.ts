import type { JournalBatch } from '../../src/ingest/journal/journal.ts'
import type { Slab } from '../../src/model/slab.ts'

/** A slab of text records. Its bytes stand in a larger buffer, as those of a socket do. */
export function slab(
  partition: string,
  records: readonly (string | Uint8Array)[],
  seq: number,
  receivedMs = 1_790_000_000_000,
): Slab {
  const parts = records.map((record) => Buffer.from(record as string))
  const margin = Buffer.from('margin')
  const offsets = new Uint32Array(parts.length + 1)
  offsets[0] = margin.length
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length
  const bytes = Buffer.concat([margin, ...parts, margin])
  return { partition, thread: 0, seq, bytes, offsets, receivedMs }
}

/** The records of a batch as text. */
export function recordsOf({ bytes, offsets }: JournalBatch): string[] {
  return [...offsets.subarray(1)].map((end, i) => textOf(bytes.subarray(offsets[i], end)))
}

/** Bytes as text, one character each. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
