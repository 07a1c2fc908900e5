import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** Gaps of records that never got a position: how many, and from when to when. */
export function droppedRecords(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up(database: Kysely<never>) {
      const { schema } = database
      await schema
        .alterTable('gap')
        .addColumn('records', types.integer, (c) => c.notNull().defaultTo(0))
        .execute()
      for (const column of ['from_ms', 'to_ms']) {
        await schema.alterTable('gap').addColumn(column, types.integer).execute()
      }
      await sql`UPDATE gap SET records = to_position - from_position`.execute(database)
      // The row that goes on is the latest of its partition and reason.
      await schema
        .createIndex('gap_latest')
        .on('gap')
        .columns(['partition', 'reason', 'seq'])
        .execute()
    },
  }
}
