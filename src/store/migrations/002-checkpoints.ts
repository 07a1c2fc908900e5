import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type ColumnTypes, columnTypes, type Dialect } from './column-types.ts'

/** What checkpoint cycles need beside the buckets (design §4.1). */
export function checkpoints(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up(database: Kysely<never>) {
      await createCycle(database, types)
      await createRulesetUse(database, types)
    },
  }
}

async function createCycle({ schema }: Kysely<never>, types: ColumnTypes): Promise<void> {
  // Not on `shard`, because every commit rewrites that row and the time bucket is not small.
  await types
    .finish(
      schema
        .createTable('checkpoint_cycle')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('time_bucket', types.text, (c) => c.notNull())
        .addColumn('pruned_next', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('checkpoint_cycle_key', ['shard']),
    )
    .execute()
  // Empty buckets are found without reading the full ones.
  await schema
    .createIndex('checkpoint_empty')
    .on('checkpoint')
    .columns(['shard', 'no'])
    .where(sql`length(${sql.ref('state')})`, '=', sql.lit(0))
    .execute()
}

async function createRulesetUse(database: Kysely<never>, types: ColumnTypes): Promise<void> {
  await types
    .finish(
      database.schema
        .createTable('ruleset_use')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('hash', types.text, (c) => c.notNull())
        .addColumn('records_no', types.integer)
        .addColumn('rules_no', types.integer)
        .addColumn('is_pending', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('ruleset_use_key', ['shard', 'hash']),
      'clustered',
    )
    .execute()
  // Whether an older entry names them is not known here, so all of them stay until one does again.
  await sql`INSERT INTO ruleset_use (shard, hash, is_pending)
            SELECT shard.shard, ruleset.hash, 1 FROM shard CROSS JOIN ruleset`.execute(database)
}
