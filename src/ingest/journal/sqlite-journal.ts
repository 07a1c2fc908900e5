import { mkdirSync } from 'node:fs'
import type { Clock } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { JournalReader, JournalWriter } from './journal.ts'
import { DEFAULT_RETENTION } from './retention.ts'
import { SqliteJournalReader } from './sqlite-journal-reader.ts'
import { SqliteJournalWriter } from './sqlite-journal-writer.ts'

export interface JournalWriterOptions {
  /** Made when missing. */
  readonly folder: string
  readonly report: Report
  readonly clock: Clock
  /** A segment ends once it has reached this size; default 256 MiB. */
  readonly maxSegmentBytes?: number
  /** … or once its first batch is this old; default 1 h. */
  readonly maxSegmentMs?: number
  /** Age from which `retain` removes a segment; default 7 days. */
  readonly maxAgeMs?: number
  /** Size of the whole journal from which `retain` removes its oldest; default 50 GB. */
  readonly maxBytes?: number
}

export interface JournalReaderOptions {
  readonly folder: string
  /** Told `journal.damaged`, once per damaged segment or batch. */
  readonly report: Report
}

const DEFAULT_SEGMENT_BYTES = 256 * 1024 * 1024
const DEFAULT_SEGMENT_MS = 3_600_000

/**
 * Opens the journal for appending, after checking its newest segment. Several writers (a
 * hand-over) may share a folder as long as no two of them write one partition.
 * Throws `JournalWriteError` when the folder cannot be made or read. A full disk is no reason to
 * throw: it is reported, and appends are refused until there is space.
 */
export function openJournalWriter(options: JournalWriterOptions): JournalWriter {
  return SqliteJournalWriter.open({
    maxSegmentBytes: DEFAULT_SEGMENT_BYTES,
    maxSegmentMs: DEFAULT_SEGMENT_MS,
    ...DEFAULT_RETENTION,
    ...options,
  })
}

/**
 * Opens the journal for reading, beside its writer or without one. The folder is made when
 * missing, so that a reader may start first.
 */
export function openJournalReader(options: JournalReaderOptions): JournalReader {
  mkdirSync(options.folder, { recursive: true })
  return new SqliteJournalReader(options)
}
