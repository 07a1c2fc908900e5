import { mkdirSync, statSync } from 'node:fs'
import type { Clock } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { Durable, Slab } from '../../model/slab.ts'
import { packSlab } from './batch-codec.ts'
import { type JournalWriter, JournalWriteError, type RemovedSegment } from './journal.ts'
import { type Heads, Positions } from './positions.ts'
import { removeOrphans, Retention } from './retention.ts'
import { diskCode, isDamage, listSegments, segmentName, segmentPath } from './segment.ts'
import { type PlacedBatch, SegmentWriter } from './segment-writer.ts'

interface WriterOptions {
  readonly folder: string
  readonly report: Report
  readonly clock: Clock
  readonly maxSegmentBytes: number
  readonly maxSegmentMs: number
  readonly maxAgeMs: number
  readonly maxBytes: number
}

/**
 * Appends to the newest segment. Invariants:
 *
 * 1. A position is given once: next positions move only after the commit returned.
 * 2. A segment is sealed before its successor is made, so the successor's heads are complete.
 * 3. After a failure the connection is dropped. The next append opens the segment afresh, and
 *    first takes out what a commit that failed late may have left in the write-ahead log.
 */
export class SqliteJournalWriter implements JournalWriter {
  readonly #options: WriterOptions
  readonly #positions = new Positions()
  #current: SegmentWriter | undefined
  /** Receive time of the current segment's first batch; undefined while it is empty. */
  #firstReceivedMs: number | undefined
  /** Places of an append that failed: refused, but perhaps in the write-ahead log all the same. */
  #doubtful: readonly Omit<PlacedBatch, 'blob'>[] = []
  /** Segments that this writer has read through; a second look would tell nothing new. */
  readonly #checked = new Set<number>()
  /** Segments found damaged: reported, never written again. */
  readonly #damaged = new Set<number>()
  readonly #retention: Retention
  #isFailing = false

  private constructor(options: WriterOptions) {
    this.#options = options
    this.#retention = new Retention({
      ...options,
      onDamage: (no, error) => this.#refuse(no, error),
    })
  }

  static open(options: WriterOptions): SqliteJournalWriter {
    const writer = new SqliteJournalWriter(options)
    try {
      writer.#onDisk('opening the journal', () => {
        mkdirSync(options.folder, { recursive: true })
        removeOrphans(options.folder)
        writer.#segment()
      })
    } catch (error) {
      // A full disk refuses appends, and retention may be what frees it: neither needs a restart.
      if (!(error instanceof JournalWriteError && error.isPassing)) throw error
    }
    return writer
  }

  append(slabs: readonly Slab[]): Durable[] {
    const packed = slabs.map(packSlab)
    return this.#onDisk('appending to the journal', () => {
      for (;;) {
        const segment = this.#segment()
        const places = this.#positions.place(slabs, segment.no)
        const batches = places
          .map((place, i) => ({ place, blob: packed[i]!.blob, request: slabs[i]!.request }))
          .filter(({ place }) => place.count > 0)
        this.#doubtful = batches.map(({ place, request }) => ({ place, request }))
        const isAppended = batches.length === 0 || segment.append(batches)
        this.#doubtful = []
        if (!isAppended) {
          // Another writer (a hand-over) has sealed it: go on in its successor.
          this.#drop()
          continue
        }
        this.#positions.taken(places, segment.no)
        this.#firstReceivedMs ??= batches[0]?.place.receivedMs
        return places.map(({ partition, first, count }, i) => {
          const { thread, seq } = slabs[i]!
          return { partition, thread, seq, count, firstPosition: first }
        })
      }
    })
  }

  retain(below: ReadonlyMap<string, number>, nowMs: number): RemovedSegment[] {
    const removed: RemovedSegment[] = []
    try {
      this.#onDisk('removing old segments of the journal', () => {
        for (const one of this.#retention.removeOld(below, nowMs)) removed.push(one)
      })
    } catch (error) {
      // It was reported, nothing is lost by it, and the next call tries again.
      if (!(error instanceof JournalWriteError)) throw error
    }
    return removed
  }

  close(): void {
    try {
      this.#onDisk('closing the journal', () => this.#current?.foldLog())
    } finally {
      this.#drop()
    }
  }

  /** The segment to append to now; the former one is sealed when it is full or old enough. */
  #segment(): SegmentWriter {
    if (this.#current !== undefined && this.#isDone(this.#current)) {
      this.#current.seal(this.#options.clock())
      this.#drop()
    }
    this.#current ??= this.#openNewest()
    return this.#current
  }

  #isDone(segment: SegmentWriter): boolean {
    const { clock, maxSegmentBytes, maxSegmentMs } = this.#options
    const firstMs = this.#firstReceivedMs
    if (firstMs === undefined) return false
    return clock() - firstMs >= maxSegmentMs || segment.sizeBytes >= maxSegmentBytes
  }

  /** Goes on in the newest segment, or makes its successor when it is sealed or damaged. */
  #openNewest(): SegmentWriter {
    const { folder, report } = this.#options
    const numbers = listSegments(folder)
    const newest = numbers.at(-1) ?? 0
    let isNewestUnfinished = false
    for (const no of numbers.toReversed()) {
      if (this.#damaged.has(no)) continue
      const opened = this.#tryOpen(no)
      if (opened === undefined) {
        isNewestUnfinished ||= no === newest && !this.#damaged.has(no)
        continue
      }
      const { segment, heads } = opened
      const isAfterDamage = [...this.#damaged].some((damaged) => damaged > no)
      this.#positions.adopt(heads, { isAfterDamage })
      if (no === newest && segment.isOld) segment.seal(this.#options.clock())
      if (no === newest && !segment.isSealed) return this.#goOn(segment)
      segment.close()
      break
    }
    const no = isNewestUnfinished ? newest : newest + 1
    const segment = SegmentWriter.create(folder, no, this.#positions.heads())
    this.#checked.add(no)
    this.#firstReceivedMs = segment.firstReceivedMs
    report({ name: 'journal.segment_opened', detail: { segment: segmentName(no) } })
    return segment
  }

  /** Undefined when it is damaged (reported) or its creation was cut off. */
  #tryOpen(no: number): { segment: SegmentWriter; heads: Heads } | undefined {
    const { folder, report } = this.#options
    const isChecked = this.#checked.has(no)
    const log = statSync(`${segmentPath(folder, no)}-wal`, { throwIfNoEntry: false })
    try {
      const opened = SegmentWriter.open(folder, no, { isChecked })
      if (opened === undefined) return undefined
      if (!isChecked && (log?.size ?? 0) > 0) {
        const detail = { segment: segmentName(no), message: 'opened after an unclean end' }
        report({ name: 'journal.recovered', detail })
      }
      this.#checked.add(no)
      return opened
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#refuse(no, error)
      return undefined
    }
  }

  #goOn(segment: SegmentWriter): SegmentWriter {
    try {
      if (this.#doubtful.length > 0) segment.remove(this.#doubtful)
      this.#doubtful = []
      this.#firstReceivedMs = segment.firstReceivedMs
      return segment
    } catch (error) {
      segment.close()
      throw error
    }
  }

  #refuse(no: number, error: unknown): void {
    if (this.#damaged.has(no)) return
    this.#damaged.add(no)
    const message = error instanceof Error ? error.message : String(error)
    this.#options.report({ name: 'journal.damaged', detail: { segment: segmentName(no), message } })
  }

  #drop(): void {
    this.#current?.close()
    this.#current = undefined
    this.#firstReceivedMs = undefined
  }

  /** Runs work on the disk; turns what the disk refuses into a {@link JournalWriteError}. */
  #onDisk<T>(what: string, work: () => T): T {
    const { report } = this.#options
    try {
      const result = work()
      if (this.#isFailing)
        report({ name: 'journal.recovered', detail: { message: 'writes again' } })
      this.#isFailing = false
      return result
    } catch (error) {
      const no = this.#current?.no
      this.#drop()
      if (isDamage(error) && no !== undefined) this.#refuse(no, error)
      const code = isDamage(error) ? 'damaged' : diskCode(error)
      // Not the disk but ourselves (or a second writer in our partition): not to be retried, and
      // what stands at our place is then the other's.
      if (code === undefined) {
        this.#doubtful = []
        throw error
      }
      this.#isFailing = true
      const failure = new JournalWriteError(what, code, error)
      report({
        name: 'journal.write_failed',
        detail: { errcode: code, message: failure.message },
      })
      throw failure
    }
  }
}
