import { existsSync } from 'node:fs'
import type { Report } from '../../model/occurrence.ts'
import { type BatchPlace, decodeBatch } from './batch-codec.ts'
import {
  type JournalBatch,
  JournalDamagedError,
  type JournalPartition,
  type JournalReader,
  type JournalRequest,
} from './journal.ts'
import { isDamage, listSegments, segmentName, segmentPath, type Span } from './segment.ts'
import { SegmentReader, type StoredBatch } from './segment-reader.ts'

/** Three file descriptors each. */
const OPEN_SEGMENTS_MAX = 16
/** Rows fetched at once: a slab is some tens of KiB, so a few MiB. */
const FETCH_ROWS = 32
/** Batches whose damage was reported already; past it a repeat may be reported again. */
const REPORTED_MAX = 1_000

/**
 * Reads all segments of a folder as one log. Segments come and go while it reads; a sealed one is
 * remembered by its spans, so that only what can hold the answer is opened.
 */
export class SqliteJournalReader implements JournalReader {
  readonly #folder: string
  readonly #report: Report
  /** Least recently used first. */
  readonly #open = new Map<number, SegmentReader>()
  readonly #sealed = new Map<number, ReadonlyMap<string, Span>>()
  readonly #reported = new Set<string>()
  #lastBatch: JournalBatch | undefined

  constructor(options: { readonly folder: string; readonly report: Report }) {
    this.#folder = options.folder
    this.#report = options.report
  }

  *read(
    partition: string,
    from: number,
    to: number = Number.POSITIVE_INFINITY,
  ): Iterable<JournalBatch> {
    let next = from
    for (const no of this.#segments()) {
      const spans = this.#sealedSpans(no)
      const span = spans?.get(partition)
      if (spans !== undefined) {
        if (span === undefined || span.next <= next) continue
        if (span.first >= to) return
      }
      // Within one segment a partition is dense: where it is not, an index was damaged.
      let expected = span === undefined ? undefined : Math.max(next, span.first)
      const rows = this.#rows(no, (segment, last, limit) => {
        const start = last === undefined ? next : last.place.first + last.place.count
        return start >= to ? [] : segment.batches(partition, start, to, limit)
      })
      for (const row of rows) {
        if (expected !== undefined) this.#noteMissing(no, partition, expected, row.place.first)
        expected = row.place.first + row.place.count
        const batch = this.#decode(no, row)
        if (batch === undefined) continue
        next = batch.first + batch.count
        yield batch
      }
      if (span !== undefined) this.#noteMissing(no, partition, expected!, Math.min(span.next, to))
      if (next >= to) return
    }
  }

  *readSince(partition: string | undefined, receivedMs: number): Iterable<JournalBatch> {
    for (const no of this.#segments()) {
      const spans = this.#sealedSpans(no)
      if (spans !== undefined) {
        const own = partition === undefined ? [...spans.values()] : [spans.get(partition)]
        if (!own.some((span) => span !== undefined && span.maxReceivedMs >= receivedMs)) continue
      }
      const rows = this.#rows(no, (segment, last, limit) =>
        segment.batchesSince(partition, receivedMs, last?.no ?? 0, limit),
      )
      for (const row of rows) {
        const batch = this.#decode(no, row)
        if (batch !== undefined) yield batch
      }
    }
  }

  at(
    partition: string,
    position: number,
  ): { readonly bytes: Uint8Array; readonly receivedMs: number } | undefined {
    const batch = this.#batchAt(partition, position)
    if (batch === undefined) return undefined
    const { bytes, offsets, first, source } = batch
    const start = offsets[position - first]!
    const receivedMs = source?.times[position - first] ?? batch.receivedMs
    return { bytes: bytes.subarray(start, offsets[position - first + 1]), receivedMs }
  }

  requestsSince(atMs: number, limit: number): JournalRequest[] {
    const found: JournalRequest[] = []
    for (const no of listSegments(this.#folder).toReversed()) {
      if (found.length >= limit) break
      const spans = this.#sealedSpans(no)
      const isOlder = ({ maxReceivedMs }: Span): boolean => maxReceivedMs < atMs
      if (spans !== undefined && [...spans.values()].every(isOlder)) continue
      try {
        found.push(...(this.#segment(no)?.requestsSince(atMs, limit - found.length) ?? []))
      } catch (error) {
        this.#refuse(no, error)
      }
    }
    return found
  }

  partitions(): JournalPartition[] {
    const found = new Map<string, JournalPartition>()
    for (const no of listSegments(this.#folder)) {
      for (const span of this.#spans(no)) {
        const before = found.get(span.partition)
        found.set(span.partition, {
          partition: span.partition,
          first: before?.first ?? span.first,
          next: span.next,
          minReceivedMs: Math.min(span.minReceivedMs, before?.minReceivedMs ?? Infinity),
          maxReceivedMs: Math.max(span.maxReceivedMs, before?.maxReceivedMs ?? 0),
        })
      }
    }
    return [...found.values()].sort((a, b) => (a.partition < b.partition ? -1 : 1))
  }

  close(): void {
    for (const segment of this.#open.values()) segment.close()
    this.#open.clear()
  }

  #batchAt(partition: string, position: number): JournalBatch | undefined {
    const last = this.#lastBatch
    if (last !== undefined && last.partition === partition && holds(last, position)) return last
    for (const batch of this.read(partition, position, position + 1)) {
      if (!holds(batch, position)) return undefined
      this.#lastBatch = batch
      return batch
    }
    return undefined
  }

  /** Segments oldest first, those made during the iteration included. */
  *#segments(): Iterable<number> {
    let last = 0
    for (;;) {
      const segments = listSegments(this.#folder)
      this.#forgetRemoved(new Set(segments))
      const newer = segments.filter((no) => no > last)
      if (newer.length === 0) return
      for (const no of newer) {
        yield no
        last = no
      }
    }
  }

  /** Rows of one segment, fetched a few at a time by `fetch` from the last row on. */
  *#rows(
    no: number,
    fetch: (
      segment: SegmentReader,
      last: StoredBatch | undefined,
      limit: number,
    ) => readonly StoredBatch[],
  ): Iterable<StoredBatch> {
    let last: StoredBatch | undefined
    let limit = FETCH_ROWS
    for (;;) {
      let rows: readonly StoredBatch[] | undefined
      try {
        const segment = this.#segment(no)
        rows = segment === undefined ? [] : fetch(segment, last, limit)
      } catch (error) {
        // A torn page must not take the good rows before it along: fetch them one by one.
        if (isDamage(error) && limit > 1) {
          limit = 1
          continue
        }
        this.#refuse(no, error)
        return
      }
      yield* rows
      if (rows.length < limit) return
      last = rows.at(-1)
    }
  }

  /** What a sealed segment holds; undefined when it is not sealed, or not readable. */
  #sealedSpans(no: number): ReadonlyMap<string, Span> | undefined {
    const known = this.#sealed.get(no)
    if (known !== undefined) return known
    this.#spans(no, { onlySealed: true })
    return this.#sealed.get(no)
  }

  #spans(no: number, { onlySealed = false } = {}): readonly Span[] {
    const known = this.#sealed.get(no)
    if (known !== undefined) return [...known.values()]
    try {
      const segment = this.#segment(no)
      if (segment === undefined) return []
      const isSealed = segment.isSealed
      if (onlySealed && !isSealed) return []
      const spans = segment.spans()
      if (isSealed) this.#sealed.set(no, new Map(spans.map((span) => [span.partition, span])))
      return spans
    } catch (error) {
      this.#refuse(no, error)
      return []
    }
  }

  #segment(no: number): SegmentReader | undefined {
    const open = this.#open.get(no)
    if (open !== undefined) {
      this.#open.delete(no)
      this.#open.set(no, open)
      return open
    }
    const segment = SegmentReader.open(this.#folder, no)
    if (segment === undefined) return undefined
    this.#open.set(no, segment)
    if (this.#open.size > OPEN_SEGMENTS_MAX) this.#close(this.#open.keys().next().value!)
    return segment
  }

  #close(no: number): void {
    this.#open.get(no)?.close()
    this.#open.delete(no)
  }

  #forgetRemoved(existing: ReadonlySet<number>): void {
    for (const no of this.#open.keys()) if (!existing.has(no)) this.#close(no)
    for (const no of this.#sealed.keys()) if (!existing.has(no)) this.#sealed.delete(no)
  }

  #decode(no: number, { place, blob }: StoredBatch): JournalBatch | undefined {
    try {
      return { ...place, ...decodeBatch(blob, place) }
    } catch (error) {
      this.#refuse(no, error, place)
      return undefined
    }
  }

  #noteMissing(no: number, partition: string, from: number, to: number): void {
    if (to <= from) return
    const error = new JournalDamagedError(
      `${partition}: positions ${from} to ${to - 1} are missing`,
    )
    this.#refuse(no, error)
  }

  /** Reports damage once and lets reading go on elsewhere; anything else is the caller's. */
  #refuse(no: number, error: unknown, place?: BatchPlace): void {
    // Retention may remove a segment between listing and opening it.
    if (!existsSync(segmentPath(this.#folder, no))) return
    if (!isDamage(error)) throw error
    const key = place === undefined ? String(no) : `${no} ${place.partition}:${place.first}`
    if (this.#reported.has(key)) return
    if (this.#reported.size >= REPORTED_MAX) this.#reported.clear()
    this.#reported.add(key)
    const detail = {
      segment: segmentName(no),
      message: error instanceof Error ? error.message : String(error),
      ...(place === undefined ? {} : { partition: place.partition, first: place.first }),
    }
    this.#report({ name: 'journal.damaged', detail })
  }
}

function holds({ first, count }: BatchPlace, position: number): boolean {
  return position >= first && position < first + count
}
