import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** What is kept for a broken invariant (I13): which rules an entry was about, and the marks. */
export function unverifiedRules(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up({ schema }: Kysely<never>) {
      await schema.alterTable('input_log').addColumn('rule_hashes', types.text).execute()
      await types
        .finish(
          schema
            .createTable('unverified_rule')
            .addColumn('shard', types.text, (c) => c.notNull())
            .addColumn('rule_id', types.text, (c) => c.notNull())
            .addColumn('state_hash', types.text, (c) => c.notNull())
            .addColumn('since_ms', types.integer, (c) => c.notNull())
            .addColumn('cause', types.text, (c) => c.notNull())
            .addPrimaryKeyConstraint('unverified_rule_key', ['shard', 'rule_id']),
          'clustered',
        )
        .execute()
    },
  }
}
