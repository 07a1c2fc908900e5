import type { DatabaseSync, SQLInputValue } from 'node:sqlite'

type Values = readonly SQLInputValue[]

/** A prepared statement whose rows have the shape that its SQL says. */
export interface Statement<Row> {
  get(...values: Values): Row | undefined
  all(...values: Values): Row[]
  /** Rows changed. */
  run(...values: Values): number
}

/** Prepares hand-written SQL once; the caller vouches that `Row` is what it selects. */
export function prepare<Row = never>(database: DatabaseSync, sql: string): Statement<Row> {
  const statement = database.prepare(sql)
  return {
    get: (...values) => statement.get(...values) as Row | undefined,
    all: (...values) => statement.all(...values) as Row[],
    run: (...values) => Number(statement.run(...values).changes),
  }
}

/** `?, ?, ?` for as many values as there are columns. */
export function marks(columns: readonly string[]): string {
  return columns.map(() => '?').join(', ')
}
