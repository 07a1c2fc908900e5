import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** How far the log of a partition was read, where it was read from one (Kafka). */
export function logOffset(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up({ schema }: Kysely<never>) {
      await schema.alterTable('partition').addColumn('log_offset', types.integer).execute()
    },
  }
}
