/**
 * The journal: our durable log of what arrived by GELF or HTTP. An ordered log per partition;
 * positions are dense and count records from 0. These are the borders; `sqlite-journal.ts` is the
 * one implementation, and every later one must pass `test/contracts/journal-contract.ts`.
 */
import type { Durable, KeptRequest, Slab, SlabSource } from '../../model/slab.ts'

/** One slab as it was appended, with its place. Slab boundaries are preserved. */
export interface JournalBatch {
  readonly partition: string
  /** Position of its first record. */
  readonly first: number
  /** Records in it, at least one. */
  readonly count: number
  /** One receive time for all its records, ms UTC. */
  readonly receivedMs: number
  readonly bytes: Uint8Array
  /** `count + 1` byte offsets from 0: record i is `bytes[offsets[i] … offsets[i + 1])`. */
  readonly offsets: Uint32Array
  /** Where its records stand in the log that they were read from; sockets have none. */
  readonly source?: SlabSource
}

/** What the journal holds of one partition. */
export interface JournalPartition {
  readonly partition: string
  /** Oldest position still kept. */
  readonly first: number
  /** One above the newest position. */
  readonly next: number
  /** Least and greatest receive time kept, ms UTC. */
  readonly minReceivedMs: number
  readonly maxReceivedMs: number
}

/** A request that may come again, of which the journal holds the records. */
export interface JournalRequest extends KeptRequest {
  readonly input: string
  /** Receive time of its records, ms UTC. */
  readonly atMs: number
}

/** Why retention removed a segment. */
export interface RemovedSegment {
  /** File name of the segment in the journal's folder. */
  readonly segment: string
  readonly cause: 'age' | 'size'
  readonly sizeBytes: number
}

/** Owned by the journal thread. Calls block until the disk has answered. */
export interface JournalWriter {
  /**
   * Appends all slabs in one durable transaction (I3), positions given in the order of the
   * argument; answers in the same order. A slab without records gets an answer and no place.
   * Throws {@link JournalWriteError} with nothing of it kept; the next call tries afresh.
   */
  append(slabs: readonly Slab[]): Durable[]
  /**
   * Applies the limits of age and size to whole segments, oldest first. Never drops a record at
   * or above `below` of its partition, nor any record of a partition that `below` does not name.
   */
  retain(below: ReadonlyMap<string, number>, nowMs: number): RemovedSegment[]
  /** Everything answered stays durable also when this throws. */
  close(): void
}

/** Reads beside a writer in another thread or process, the newest records included. */
export interface JournalReader {
  /**
   * Batches of the partition in order of position: from the one that holds `from` (or the next
   * kept one above it) up to what is committed when the iteration gets there, or below `to`.
   * Batches come whole: the first may begin before `from`, the last may end after `to`. A jump in
   * `first` is a hole (removed by retention, or damaged and reported): the caller must look.
   */
  read(partition: string, from: number, to?: number): Iterable<JournalBatch>
  /**
   * Batches received at or after `receivedMs`, in the order they were appended; of one partition,
   * or of all when `partition` is undefined.
   */
  readSince(partition: string | undefined, receivedMs: number): Iterable<JournalBatch>
  /** One record and when it was received; undefined when it is not (or no longer) there. */
  at(
    partition: string,
    position: number,
  ): { readonly bytes: Uint8Array; readonly receivedMs: number } | undefined
  /** Requests that were kept at or after a time, at most `limit`: the newest. In no order. */
  requestsSince(atMs: number, limit: number): JournalRequest[]
  /** Every partition of which something is kept, by name. */
  partitions(): JournalPartition[]
  close(): void
}

const SQLITE_IOERR = 10
const SQLITE_FULL = 13

/** The disk said no: full, failing, not writable. Nothing of the append was kept. */
export class JournalWriteError extends Error {
  override readonly name = 'JournalWriteError'
  /** SQLite's extended result code (13 = full, 10 … = I/O), or the system's name (`ENOSPC`). */
  readonly errcode: number | string

  constructor(what: string, errcode: number | string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${what}: ${reason} (errcode ${errcode})`, { cause })
    this.errcode = errcode
  }

  /** True for a full or failing disk; false for a folder that is missing or may not be written. */
  get isPassing(): boolean {
    const { errcode } = this
    if (typeof errcode === 'string') return errcode === 'ENOSPC' || errcode === 'EIO'
    return (errcode & 0xff) === SQLITE_FULL || (errcode & 0xff) === SQLITE_IOERR
  }
}

/** Stored bytes are not what was written: a torn or flipped page, or a foreign file. */
export class JournalDamagedError extends Error {
  override readonly name = 'JournalDamagedError'
}
