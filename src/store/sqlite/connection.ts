import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Kysely, SqliteDialect } from 'kysely'
import { migrate } from '../migrations/migrate.ts'
import type { Database } from '../schema.ts'

/** How long a statement waits for another process's lock: a take-over, a backup, `sqlite3`. */
const BUSY_MS = 5_000

/**
 * Opens the one writing connection and brings the schema up to date. `synchronous=FULL` with WAL
 * makes a returned COMMIT durable (I3).
 */
export async function openWriter(file: string): Promise<DatabaseSync> {
  const database = new DatabaseSync(file, { timeout: BUSY_MS, enableForeignKeyConstraints: true })
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY',
    )
    // One transaction over all migrations: SQLite's schema changes are transactional, and two
    // processes that start together wait for each other here.
    database.exec('BEGIN IMMEDIATE')
    await migrate(kyselyOn(database), 'sqlite')
    database.exec('COMMIT')
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

/** Opens a connection that cannot write, beside the writer, also from another thread. */
export function openReader(file: string): DatabaseSync {
  return new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS })
}

/** Kysely on a connection of `node:sqlite`, which has better-sqlite3's shape but for parameters. */
export function kyselyOn<Tables = Database>(database: DatabaseSync): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        close: () => database.close(),
        prepare(query) {
          const statement = database.prepare(query)
          const bound = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...bound(parameters)),
            run: (parameters) => statement.run(...bound(parameters)),
            iterate: (parameters) => statement.iterate(...bound(parameters)),
          }
        },
      },
    }),
  })
}
