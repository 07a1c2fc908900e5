import type { DatabaseSync } from 'node:sqlite'
import { InvariantError, StoreWriteError } from '../../model/commit.ts'

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const CONSTRAINT = 19
const RETRYABLE = new Map([
  [5, 'it stayed locked by another writer'],
  [6, 'a table stayed locked'],
  [7, 'memory ran out'],
  [8, 'it is read-only'],
  [10, 'reading or writing the file failed'],
  [13, 'the disk is full'],
  [14, 'the file could not be opened'],
])

/**
 * What a failure of SQLite means to the core: a broken constraint is a broken promise of our own,
 * everything else a failed write. `node:sqlite` has one `code` for all; `errcode` tells them apart.
 */
function storeError(cause: unknown): unknown {
  if (!isSqliteError(cause)) return cause
  const primary = cause.errcode & 0xff
  if (primary === CONSTRAINT) {
    return new InvariantError(`the database refused a row: ${cause.message}`, { cause })
  }
  const reason = RETRYABLE.get(primary)
  return new StoreWriteError(
    `the database could not be written: ${reason ?? cause.message} (SQLite ${cause.errcode})`,
    { errcode: cause.errcode, retryable: reason !== undefined, cause },
  )
}

/**
 * Runs `work` in one transaction that holds the write lock from its start. Whatever it throws
 * leaves nothing written.
 */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  try {
    database.exec('BEGIN IMMEDIATE')
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (cause) {
    rollBack(database)
    throw storeError(cause)
  }
}

/** SQLite has already rolled back by itself after some errors, such as a full disk. */
function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('ROLLBACK')
}

function isSqliteError(cause: unknown): cause is Error & { readonly errcode: number } {
  return cause instanceof Error && 'errcode' in cause && typeof cause.errcode === 'number'
}
