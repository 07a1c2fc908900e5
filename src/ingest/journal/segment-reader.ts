import { statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import type { BatchPlace } from './batch-codec.ts'
import type { JournalRequest } from './journal.ts'
import {
  hasSchema,
  isHalfMade,
  listSegments,
  segmentPath,
  SPAN_QUERY,
  type Span,
} from './segment.ts'

/** A row of `batch`, not decoded yet. */
export interface StoredBatch {
  /** Its number in the segment, in the order of appending. */
  readonly no: number
  readonly place: BatchPlace
  readonly blob: Uint8Array
}

const BUSY_TIMEOUT_MS = 5_000
const COLUMNS = 'no, partition, first, count, received_ms, blob'

/**
 * A read-only connection to one segment. Every call is a short transaction of its own, so that a
 * reader that pauses never keeps the writer from folding its write-ahead log in.
 */
export class SegmentReader {
  readonly no: number
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  readonly #hasRequests: boolean

  private constructor(no: number, db: DatabaseSync, hasRequests: boolean) {
    this.no = no
    this.#hasRequests = hasRequests
    this.#db = db
  }

  /** Undefined while the segment is being created (it holds nothing yet). */
  static open(folder: string, no: number): SegmentReader | undefined {
    const db = connectForReading(folder, no)
    let isKept = false
    try {
      const schema = hasSchema(db)
      isKept = schema !== false
      return isKept ? new SegmentReader(no, db, schema === 'current') : undefined
    } catch (error) {
      if (isHalfMade(error)) return undefined
      throw error
    } finally {
      if (!isKept) db.close()
    }
  }

  /** True once nothing is appended any more: {@link spans} may then be remembered. */
  get isSealed(): boolean {
    return this.#prepare('SELECT count(*) AS n FROM sealed').get()!['n'] !== 0
  }

  spans(): Span[] {
    const rows = this.isSealed
      ? this.#prepare('SELECT * FROM span ORDER BY partition').all()
      : this.#prepare(SPAN_QUERY).all()
    return rows.map((row) => ({
      partition: String(row['partition']),
      first: Number(row['first']),
      next: Number(row['next']),
      minReceivedMs: Number(row['min_received_ms']),
      maxReceivedMs: Number(row['max_received_ms']),
    }))
  }

  /** Batches of a partition that hold a position in [from, to), in order, at most `limit`. */
  batches(partition: string, from: number, to: number, limit: number): StoredBatch[] {
    const start = this.#prepare(
      'SELECT first FROM batch WHERE partition = ? AND first <= ? ORDER BY first DESC LIMIT 1',
    ).get(partition, from)
    return this.#prepare(
      `SELECT ${COLUMNS} FROM batch WHERE partition = ? AND first >= ? AND first < ?
       AND first + count > ? ORDER BY first LIMIT ?`,
    )
      .all(partition, Number(start?.['first'] ?? from), to, from, limit)
      .map(toBatch)
  }

  /** Batches appended after number `afterNo` and received at or after a time, at most `limit`. */
  batchesSince(
    partition: string | undefined,
    receivedMs: number,
    afterNo: number,
    limit: number,
  ): StoredBatch[] {
    const rows =
      partition === undefined
        ? this.#prepare(
            `SELECT ${COLUMNS} FROM batch WHERE no > ? AND received_ms >= ? ORDER BY no LIMIT ?`,
          ).all(afterNo, receivedMs, limit)
        : this.#prepare(
            `SELECT ${COLUMNS} FROM batch WHERE no > ? AND received_ms >= ? AND partition = ?
             ORDER BY no LIMIT ?`,
          ).all(afterNo, receivedMs, partition, limit)
    return rows.map(toBatch)
  }

  /** Requests answered at or after a time, at most `limit`, the newest first. */
  requestsSince(atMs: number, limit: number): JournalRequest[] {
    if (!this.#hasRequests) return []
    return this.#prepare('SELECT * FROM request WHERE at_ms >= ? ORDER BY at_ms DESC LIMIT ?')
      .all(atMs, limit)
      .map((row) => ({
        input: String(row['input']),
        key: row['key'] as Uint8Array,
        body: row['body'] as Uint8Array,
        answer: String(row['answer']),
        atMs: Number(row['at_ms']),
      }))
  }

  close(): void {
    this.#db.close()
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/**
 * A read-only connection. A segment that is complete in its own file is opened as immutable: that
 * takes no lock and no `-shm` file, which could not be made on a full disk.
 */
export function connectForReading(folder: string, no: number): DatabaseSync {
  const options = { readOnly: true, timeout: BUSY_TIMEOUT_MS }
  const path = segmentPath(folder, no)
  if (!isComplete(folder, no)) return new DatabaseSync(path, options)
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return new DatabaseSync(url, options)
}

/** True when nobody writes it any more (it has a successor) and its log was folded in. */
function isComplete(folder: string, no: number): boolean {
  const log = statSync(`${segmentPath(folder, no)}-wal`, { throwIfNoEntry: false })
  return (log?.size ?? 0) === 0 && listSegments(folder).some((other) => other > no)
}

type Row = ReturnType<StatementSync['all']>[number]

function toBatch(row: Row): StoredBatch {
  return {
    no: Number(row['no']),
    place: {
      partition: String(row['partition']),
      first: Number(row['first']),
      count: Number(row['count']),
      receivedMs: Number(row['received_ms']),
    },
    blob: row['blob'] as Uint8Array,
  }
}
