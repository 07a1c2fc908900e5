import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** Late matches that are to be read back, and what became of those that were (design §4.2). */
export function recomputes(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up({ schema }: Kysely<never>) {
      await types
        .finish(
          schema
            .createTable('recompute')
            .addColumn('id', types.serial)
            .addColumn('shard', types.text, (c) => c.notNull())
            .addColumn('no', types.integer, (c) => c.notNull())
            .addColumn('rule_id', types.text, (c) => c.notNull())
            .addColumn('rule_rev', types.text, (c) => c.notNull())
            .addColumn('ruleset', types.text, (c) => c.notNull())
            .addColumn('group_key', types.text, (c) => c.notNull())
            .addColumn('from_ms', types.integer, (c) => c.notNull())
            .addColumn('to_ms', types.integer, (c) => c.notNull())
            .addColumn('reach_ms', types.integer, (c) => c.notNull())
            .addColumn('refused', types.text, (c) => c.notNull()),
        )
        .execute()
      await schema.createIndex('recompute_shard').on('recompute').columns(['shard', 'id']).execute()
      // Who keeps a rule set is asked whenever one is dropped.
      await schema.createIndex('recompute_ruleset').on('recompute').columns(['ruleset']).execute()
      await schema
        .createIndex('episode_disposition_seq')
        .on('episode')
        .columns(['disposition', 'seq'])
        .execute()
      for (const column of ['recomputed', 'late_matches'] as const) {
        await schema
          .alterTable('episode')
          .addColumn(column, types.integer, (c) => c.notNull().defaultTo(0))
          .execute()
      }
      for (const column of ['late_from_ms', 'late_to_ms'] as const) {
        await schema.alterTable('episode').addColumn(column, types.integer).execute()
      }
    },
  }
}
