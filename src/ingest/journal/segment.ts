/**
 * A segment is one SQLite file of the journal, shared by all partitions, so that one fsync makes a
 * group commit of all inputs durable (docs/decisions/001-journal-segments.md).
 *
 * - `batch` holds the slabs in the order they were appended.
 * - `head` says, for every partition known when the segment began, its next position; so a writer
 *   that starts reads only the newest segment, and a position is not given twice even when
 *   retention has removed all of a partition.
 * - `span` is written once, in the transaction that seals the segment: what it holds of each
 *   partition. A segment with a row in `sealed` is never written again.
 * - `request` remembers the HTTP requests whose senders may send them again, written in the
 *   transaction of their records.
 */
import { closeSync, fsyncSync, openSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { JournalDamagedError } from './journal.ts'

/** What a segment holds of one partition. */
export interface Span {
  readonly partition: string
  readonly first: number
  readonly next: number
  readonly minReceivedMs: number
  readonly maxReceivedMs: number
}

/** `Tocs` in ASCII: says in the file's header that it is ours. */
const APPLICATION_ID = 0x546f6373
/** Format 1 had no table of requests; its segments are read, and sealed before the next append. */
const FORMAT = 2
const OLD_FORMAT = 1

/**
 * A slab of 150 messages is some 5 KiB once compressed. Measured: 35 bytes a message with pages of
 * 4 KiB, 55 with 8 KiB (a slab then fills most of a page and the rest stays empty), 37 above; and
 * the smallest commit of a lone message.
 */
const PAGE_BYTES = 4096
/** The write-ahead log goes into the file after about 8 MiB, so two extra fsyncs per 8 MiB. */
const CHECKPOINT_PAGES = (8 * 1024 * 1024) / PAGE_BYTES

/** Connection settings of the writer; `page_size` acts on a new file only. */
export const WRITER_PRAGMAS = `
  PRAGMA page_size = ${PAGE_BYTES};
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
`

const TABLES = `
  CREATE TABLE batch (
    no INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    blob BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX batch_place ON batch (partition, first);
  CREATE INDEX batch_span ON batch (partition, first, count, received_ms);
  CREATE TABLE head (
    partition TEXT PRIMARY KEY,
    next INTEGER NOT NULL,
    segment INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE span (
    partition TEXT PRIMARY KEY,
    first INTEGER NOT NULL,
    next INTEGER NOT NULL,
    min_received_ms INTEGER NOT NULL,
    max_received_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sealed (at_ms INTEGER NOT NULL) STRICT;
`
const REQUEST_TABLE = `
  CREATE TABLE request (
    input TEXT NOT NULL,
    key BLOB NOT NULL,
    body BLOB NOT NULL,
    answer TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (input, key)
  ) STRICT, WITHOUT ROWID;
`
export const SCHEMA = `
  ${TABLES}
  ${REQUEST_TABLE}
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`

/** The rows of `span`, computed; per partition what the segment holds now. */
export const SPAN_QUERY = `
  SELECT partition, min(first) AS first, max(first + count) AS next,
    min(received_ms) AS min_received_ms, max(received_ms) AS max_received_ms
  FROM batch GROUP BY partition ORDER BY partition`

/** Ten digits, so that names sort like numbers. */
export function segmentName(no: number): string {
  return `segment-${String(no).padStart(10, '0')}.db`
}

export function segmentPath(folder: string, no: number): string {
  return join(folder, segmentName(no))
}

/** The files of one segment, the database first: once that is gone, the others mean nothing. */
export function segmentFiles(folder: string, no: number): string[] {
  const path = segmentPath(folder, no)
  return [path, `${path}-wal`, `${path}-shm`]
}

/** Numbers of the segments in the folder, oldest first. */
export function listSegments(folder: string): number[] {
  const numbers: number[] = []
  for (const name of readdirSync(folder)) {
    const match = /^segment-(\d{10,15})\.db$/.exec(name)
    if (match !== null) numbers.push(Number(match[1]))
  }
  return numbers.sort((a, b) => a - b)
}

/** Bytes of all files of the segment; 0 when it is gone. */
export function segmentSizeBytes(folder: string, no: number): number {
  let total = 0
  for (const file of segmentFiles(folder, no)) {
    total += statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }
  return total
}

/**
 * Whether the file has its schema, this version's or the former one's; false for one whose creation
 * was cut off (it holds nothing). Throws {@link JournalDamagedError} for a foreign file, a format this version does not read, or
 * a schema that is not ours to the letter.
 */
export function hasSchema(db: DatabaseSync): 'current' | 'old' | false {
  try {
    const { application_id: application } = db.prepare('PRAGMA application_id').get()!
    const { user_version: format } = db.prepare('PRAGMA user_version').get()!
    const schema = schemaText(db)
    if (application === 0 && format === 0 && schema === '') return false
    if (application !== APPLICATION_ID) {
      throw new JournalDamagedError('the file is a database, but not a journal segment')
    }
    if (format !== FORMAT && format !== OLD_FORMAT) {
      const other = `format ${String(format)}`
      throw new JournalDamagedError(`the file has ${other}; this version reads up to ${FORMAT}`)
    }
    const isOld = format === OLD_FORMAT
    if (schema !== schemaOf(isOld ? TABLES : SCHEMA)) {
      throw new JournalDamagedError('the tables are not those of a journal segment')
    }
    return isOld ? 'old' : 'current'
  } catch (error) {
    // These statements are right: what SQLite cannot make of them lies in the file's own header.
    if (sqliteCode(error) !== SQLITE_ERROR) throw error
    throw new JournalDamagedError('the file is not readable as a database', { cause: error })
  }
}

function schemaText(db: DatabaseSync): string {
  const rows = db.prepare('SELECT name, tbl_name, sql FROM sqlite_schema ORDER BY rowid').all()
  return rows.length === 0 ? '' : JSON.stringify(rows)
}

const schemasOfFreshFiles = new Map<string, string>()

/** What SQLite makes of these statements in a fresh file. */
function schemaOf(statements: string): string {
  let text = schemasOfFreshFiles.get(statements)
  if (text === undefined) {
    const db = new DatabaseSync(':memory:')
    db.exec(statements)
    text = schemaText(db)
    db.close()
    schemasOfFreshFiles.set(statements, text)
  }
  return text
}

/** SQLite's extended result code of an error, undefined when it is none of SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

/**
 * True when a reader met a rollback journal that only a writer may undo. A segment has one only
 * until it is in WAL mode, so its making was interrupted (a power cut) and it holds nothing.
 */
export function isHalfMade(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_READONLY_ROLLBACK
}

const SQLITE_ERROR = 1
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
const SQLITE_READONLY_ROLLBACK = 776
/** Result codes (low byte) that speak of the disk and may pass: the writer tries again. */
const DISK_CODES = new Set([
  5, // busy
  6, // locked
  8, // read-only
  10, // I/O error
  13, // full
  14, // cannot open
  15, // locking protocol
])

/** True when the error says that the file's content is wrong, not that it could not be read. */
export function isDamage(error: unknown): boolean {
  if (error instanceof JournalDamagedError) return true
  const primary = (sqliteCode(error) ?? 0) & 0xff
  return primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB
}

/** SQLite's or the system's code when the disk refused; undefined for anything else (a bug). */
export function diskCode(error: unknown): number | string | undefined {
  const code = sqliteCode(error)
  if (code !== undefined) return DISK_CODES.has(code & 0xff) ? code : undefined
  if (error instanceof Error && 'syscall' in error && 'code' in error) return String(error.code)
  return undefined
}

/** Makes the names of new files in the folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
