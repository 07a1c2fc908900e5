import { type CreateTableBuilder, type RawBuilder, sql } from 'kysely'

/** The databases that one set of migrations must fit. */
export type Dialect = 'sqlite' | 'postgres'

/**
 * How a migration says what a column holds. SQLite tables are STRICT, so a wrong type is refused
 * there as it is by PostgreSQL.
 */
export interface ColumnTypes {
  readonly text: RawBuilder<unknown>
  /** Whole numbers to 2^53: counts, positions and times in ms. */
  readonly integer: RawBuilder<unknown>
  readonly real: RawBuilder<unknown>
  readonly bytes: RawBuilder<unknown>
  /** Primary key that counts rows in order of insertion and is never given twice. */
  readonly serial: RawBuilder<unknown>
  /** Ends a table's definition; `clustered` tables live in their primary key's tree. */
  finish<Table extends string, Column extends string>(
    table: CreateTableBuilder<Table, Column>,
    kind?: 'clustered',
  ): CreateTableBuilder<Table, Column>
}

export function columnTypes(dialect: Dialect): ColumnTypes {
  if (dialect === 'postgres') {
    return {
      text: sql`text`,
      integer: sql`bigint`,
      real: sql`double precision`,
      bytes: sql`bytea`,
      serial: sql`bigint generated always as identity primary key`,
      finish: (table) => table,
    }
  }
  return {
    text: sql`text`,
    integer: sql`integer`,
    real: sql`real`,
    bytes: sql`blob`,
    serial: sql`integer primary key autoincrement`,
    finish: (table, kind) =>
      table.modifyEnd(kind === 'clustered' ? sql`strict, without rowid` : sql`strict`),
  }
}
