import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** How long entries of the input log, rule sets and partitions are kept (design §4.1). */
export function keptLog(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up({ schema }: Kysely<never>) {
      // Entries of this kind are few among those of the slices, and stay much longer.
      await schema
        .createIndex('input_log_kept')
        .on('input_log')
        .columns(['shard', 'no'])
        .where(sql.ref('kind'), '<>', sql.lit('records'))
        .execute()
      await schema.alterTable('partition').addColumn('said_no', types.integer).execute()
      // Whether an episode names a rule set is asked for each that nothing else needs.
      await schema.createIndex('episode_ruleset').on('episode').columns(['ruleset']).execute()
    },
  }
}
