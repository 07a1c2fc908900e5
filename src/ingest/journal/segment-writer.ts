import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type BatchPlace, sealBatch } from './batch-codec.ts'
import { inputOfPartition, type KeptRequest } from '../../model/slab.ts'
import { JournalDamagedError } from './journal.ts'
import type { Head, Heads } from './positions.ts'
import {
  hasSchema,
  SCHEMA,
  segmentPath,
  SPAN_QUERY,
  syncFolder,
  WRITER_PRAGMAS,
} from './segment.ts'

/** Waits this long for another process that writes or checkpoints the same segment. */
const BUSY_TIMEOUT_MS = 5_000

/** A slab at its place, packed; and the request to remember with it. */
export interface PlacedBatch {
  readonly place: BatchPlace
  readonly blob: Uint8Array
  readonly request: KeptRequest | undefined
}

/**
 * The writing connection to one segment. Every method either does all of its work durably or
 * throws with nothing done; the errors are SQLite's own.
 */
export class SegmentWriter {
  readonly no: number
  /** Written by a former version: to be sealed, not appended to. */
  readonly isOld: boolean
  readonly #db: DatabaseSync
  readonly #insert: StatementSync
  readonly #sealed: StatementSync
  readonly #pages: StatementSync

  private constructor(no: number, db: DatabaseSync, isOld = false) {
    this.no = no
    this.isOld = isOld
    this.#db = db
    this.#insert = db.prepare(
      'INSERT INTO batch (partition, first, count, received_ms, blob) VALUES (?, ?, ?, ?, ?)',
    )
    this.#sealed = db.prepare('SELECT count(*) AS n FROM sealed')
    this.#pages = db.prepare(
      'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
    )
  }

  /**
   * Opens an existing segment; `isChecked: false` reads all of it first to see that it is whole.
   * Undefined when its creation was cut off: then {@link create} finishes it.
   */
  static open(
    folder: string,
    no: number,
    { isChecked }: { readonly isChecked: boolean },
  ): { readonly segment: SegmentWriter; readonly heads: Heads } | undefined {
    return connect(folder, no, (db) => {
      // The schema first: a foreign file must not be switched to WAL, only refused.
      const schema = hasSchema(db)
      if (schema === false) return undefined
      if (!isChecked) {
        const { integrity_check: verdict } = db.prepare('PRAGMA integrity_check(1)').get()!
        if (verdict !== 'ok') throw new JournalDamagedError(`integrity_check: ${String(verdict)}`)
      }
      db.exec(WRITER_PRAGMAS)
      const segment = new SegmentWriter(no, db, schema === 'old')
      return { segment, heads: segment.heads() }
    })
  }

  /**
   * Creates the segment; when another writer was faster, opens what it made (it read the same
   * heads from the same sealed segment).
   */
  static create(folder: string, no: number, heads: Heads): SegmentWriter {
    const writer = connect(folder, no, (db) => {
      db.exec(WRITER_PRAGMAS)
      transact(db, () => {
        if (hasSchema(db)) return
        db.exec(SCHEMA)
        const insert = db.prepare('INSERT INTO head (partition, next, segment) VALUES (?, ?, ?)')
        for (const [partition, { next, segment }] of heads) insert.run(partition, next, segment)
      })
      return new SegmentWriter(no, db)
    })
    syncFolder(folder)
    return writer
  }

  /** Bytes of the segment once its write-ahead log is folded in. */
  get sizeBytes(): number {
    return Number(this.#pages.get()!['bytes'])
  }

  /** Receive time of its first batch, ms UTC; undefined while it is empty. */
  get firstReceivedMs(): number | undefined {
    const row = this.#db.prepare('SELECT received_ms FROM batch ORDER BY no LIMIT 1').get()
    return row === undefined ? undefined : Number(row['received_ms'])
  }

  /** Next positions of every partition known to the journal as of this segment. */
  heads(): Map<string, Head> {
    const heads = new Map<string, Head>()
    for (const row of this.#db.prepare('SELECT partition, next, segment FROM head').iterate()) {
      heads.set(String(row['partition']), {
        next: Number(row['next']),
        segment: Number(row['segment']),
      })
    }
    for (const row of this.#db.prepare(SPAN_QUERY).iterate()) {
      heads.set(String(row['partition']), { next: Number(row['next']), segment: this.no })
    }
    return heads
  }

  /**
   * Appends in one transaction. False, with nothing done, when another writer sealed the segment
   * meanwhile.
   */
  append(batches: readonly PlacedBatch[]): boolean {
    return transact(this.#db, () => {
      if (this.isSealed) return false
      for (const { place, blob, request } of batches) {
        sealBatch(blob, place)
        this.#insert.run(place.partition, place.first, place.count, place.receivedMs, blob)
        if (request !== undefined) this.#remember(place, request)
      }
      return true
    })
  }

  #remember({ partition, receivedMs }: BatchPlace, { key, body, answer }: KeptRequest): void {
    this.#db
      .prepare(
        'INSERT OR REPLACE INTO request (input, key, body, answer, at_ms) VALUES (?, ?, ?, ?, ?)',
      )
      .run(inputOfPartition(partition), key, body, answer, receivedMs)
  }

  /** Takes out what a commit that failed may have left there after all. */
  remove(batches: readonly Omit<PlacedBatch, 'blob'>[]): void {
    transact(this.#db, () => {
      const forget = this.#db.prepare('DELETE FROM request WHERE input = ? AND key = ?')
      const remove = this.#db.prepare(
        'DELETE FROM batch WHERE partition = ? AND first = ? AND count = ? AND received_ms = ?',
      )
      for (const { place, request } of batches) {
        const { partition, first, count, receivedMs } = place
        remove.run(partition, first, count, receivedMs)
        if (request !== undefined) forget.run(inputOfPartition(partition), request.key)
      }
    })
  }

  get isSealed(): boolean {
    return this.#sealed.get()!['n'] !== 0
  }

  /** Ends the segment: notes what it holds of each partition; nothing is appended afterwards. */
  seal(nowMs: number): void {
    transact(this.#db, () => {
      if (this.isSealed) return
      this.#db.exec(`INSERT INTO span ${SPAN_QUERY}`)
      this.#db.prepare('INSERT INTO sealed (at_ms) VALUES (?)').run(nowMs)
    })
    this.foldLog()
  }

  /**
   * Moves the write-ahead log into the file as far as readers allow. Not needed for anything to
   * be durable or right: it leaves the next opening less to do.
   */
  foldLog(): void {
    // A foreign reader that stays in the middle of the file must not hold up the appends.
    this.#db.exec('PRAGMA busy_timeout = 100; PRAGMA wal_checkpoint(TRUNCATE)')
    this.#db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }

  close(): void {
    this.#db.close()
  }
}

/** Runs `use` on a new connection and closes it when `use` fails or has no further need of it. */
function connect<T>(folder: string, no: number, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(segmentPath(folder, no), { timeout: BUSY_TIMEOUT_MS })
  let isKept = false
  try {
    const result = use(db)
    isKept = result !== undefined
    return result
  } finally {
    if (!isKept) db.close()
  }
}

function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has rolled back by itself after most disk errors, and then says so.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
