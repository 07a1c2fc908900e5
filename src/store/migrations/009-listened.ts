import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** When the inputs are known to have listened last: a start says since when nobody did. */
export function listened(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up({ schema }: Kysely<never>) {
      await schema.alterTable('shard').addColumn('listened_ms', types.integer).execute()
    },
  }
}
