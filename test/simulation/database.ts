import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import type { OutboxReader } from '../../src/alerting/outbox.ts'
import type { CoreStore } from '../../src/model/commit.ts'
import { openWriter } from '../../src/store/sqlite/connection.ts'
import { sqliteStoreOn } from '../../src/store/sqlite/core-store.ts'
import { SqliteOutboxReader } from '../../src/store/sqlite/outbox-reader.ts'

/** What a process meets when it ends a transaction. */
export interface TransactionFaults {
  /** Before BEGIN and COMMIT: throws what the disk would. */
  before(sql: 'BEGIN' | 'COMMIT'): void
  /** The transaction is in the database, whatever the process learns of it. */
  committed(): void
}

/** An error as `node:sqlite` throws it. */
export class DiskError extends Error {
  readonly code = 'ERR_SQLITE_ERROR'
  readonly errcode: number

  constructor(errcode: number) {
    super(`SQLite error ${errcode}`)
    this.errcode = errcode
  }
}

let schema: string | undefined

/** The migrated schema as SQL: migrating for every seed would take longer than the seed. */
async function schemaSql(): Promise<string> {
  if (schema !== undefined) return schema
  const database = await openWriter(':memory:')
  const rows = database
    .prepare(
      `SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
       ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END, rowid`,
    )
    .all() as { sql: string }[]
  database.close()
  schema = rows.map(({ sql }) => `${sql};\n`).join('')
  return schema
}

/**
 * The one database of the simulated world: a real SQLite in memory, which every process reaches
 * through a connection of its own. SQLite itself is not simulated: what a process left half done
 * is rolled back, what it committed stays.
 */
export class SimulatedDatabase {
  readonly sql: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  #outbox: OutboxReader | undefined

  private constructor(sql: DatabaseSync) {
    this.sql = sql
  }

  static async create(): Promise<SimulatedDatabase> {
    const sql = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true })
    sql.exec(await schemaSql())
    return new SimulatedDatabase(sql)
  }

  store(faults: TransactionFaults): CoreStore {
    return sqliteStoreOn(this.#connection(faults))
  }

  /** One for all processes: it only reads. */
  outbox(): OutboxReader {
    this.#outbox ??= new SqliteOutboxReader(this.sql)
    return this.#outbox
  }

  /** Statements hold nothing between two calls, so all processes share them. */
  readonly #prepare = (text: string): StatementSync => {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.sql.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  #connection(faults: TransactionFaults): DatabaseSync {
    const { sql } = this
    const connection = {
      prepare: this.#prepare,
      exec: (text: string): void => {
        if (text.startsWith('BEGIN')) faults.before('BEGIN')
        if (text === 'COMMIT') faults.before('COMMIT')
        this.#prepare(text).run()
        if (text === 'COMMIT') faults.committed()
      },
      get isTransaction() {
        return sql.isTransaction
      },
      close: () => undefined,
    }
    return connection as unknown as DatabaseSync
  }
}
