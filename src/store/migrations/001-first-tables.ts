import { type Kysely, type SchemaModule, sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { type ColumnTypes, columnTypes, type Dialect } from './column-types.ts'

/** Every table of design §5. Long because it is one list. */
export function firstTables(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  return {
    async up(database: Kysely<never>) {
      await createLog(database.schema, types)
      await createIncidents(database.schema, types)
      await createEpisodes(database.schema, types)
      await createCounts(database.schema, types)
    },
  }
}

async function createLog(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await types
    .finish(
      schema
        .createTable('shard')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('epoch', types.integer, (c) => c.notNull())
        .addColumn('owner', types.text, (c) => c.notNull())
        .addColumn('claimed_ms', types.integer, (c) => c.notNull())
        .addColumn('next_no', types.integer, (c) => c.notNull())
        .addColumn('checkpoint_next', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('shard_key', ['shard']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('input_log')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('no', types.integer, (c) => c.notNull())
        .addColumn('epoch', types.integer, (c) => c.notNull())
        .addColumn('kind', types.text, (c) => c.notNull())
        .addColumn('body', types.text, (c) => c.notNull())
        .addColumn('engine_version', types.text, (c) => c.notNull())
        .addColumn('effects_hash', types.text, (c) => c.notNull())
        .addPrimaryKeyConstraint('input_log_key', ['shard', 'no']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('answer')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('first_no', types.integer, (c) => c.notNull())
        .addColumn('last_no', types.integer, (c) => c.notNull())
        .addColumn('request', types.text, (c) => c.notNull())
        .addColumn('result', types.text, (c) => c.notNull())
        .addPrimaryKeyConstraint('answer_key', ['shard']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('command')
        .addColumn('id', types.text, (c) => c.notNull())
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('no', types.integer, (c) => c.notNull())
        .addColumn('ordinal', types.integer, (c) => c.notNull())
        .addColumn('actor', types.text, (c) => c.notNull())
        .addColumn('incident_id', types.text, (c) => c.notNull())
        .addColumn('body', types.text, (c) => c.notNull())
        .addColumn('expected_version', types.integer)
        .addColumn('result', types.text, (c) => c.notNull())
        .addColumn('now_ms', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('command_key', ['id']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('partition')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('id', types.text, (c) => c.notNull())
        .addColumn('input', types.text, (c) => c.notNull())
        .addColumn('epoch', types.integer, (c) => c.notNull())
        .addColumn('next', types.integer, (c) => c.notNull())
        .addColumn('max_time_ms', types.integer)
        .addColumn('max_received_ms', types.integer)
        .addColumn('last_received_ms', types.integer, (c) => c.notNull())
        .addColumn('link', types.text, (c) => c.notNull())
        .addColumn('progress', types.text, (c) => c.notNull())
        .addPrimaryKeyConstraint('partition_key', ['shard', 'id']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('ruleset')
        .addColumn('hash', types.text, (c) => c.notNull())
        .addColumn('content', types.text, (c) => c.notNull())
        .addColumn('created_ms', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('ruleset_key', ['hash']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('checkpoint')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('rule_id', types.text, (c) => c.notNull())
        .addColumn('state_hash', types.text, (c) => c.notNull())
        .addColumn('bucket', types.integer, (c) => c.notNull())
        .addColumn('no', types.integer, (c) => c.notNull())
        .addColumn('state', types.bytes, (c) => c.notNull())
        .addPrimaryKeyConstraint('checkpoint_key', ['shard', 'rule_id', 'state_hash', 'bucket']),
    )
    .execute()
  await schema.createIndex('command_incident').on('command').columns(['incident_id']).execute()
}

async function createIncidents(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await types
    .finish(
      schema
        .createTable('incident')
        .addColumn('id', types.text, (c) => c.notNull())
        .addColumn('number', types.integer, (c) => c.notNull().unique())
        .addColumn('open_key', types.text, (c) => c.unique())
        .addColumn('dedup_hash', types.text, (c) => c.notNull())
        .addColumn('mode', types.text, (c) => c.notNull())
        .addColumn('title', types.text, (c) => c.notNull())
        .addColumn('rule_id', types.text, (c) => c.notNull())
        .addColumn('group_json', types.text, (c) => c.notNull())
        .addColumn('labels', types.text, (c) => c.notNull())
        .addColumn('severity', types.text, (c) => c.notNull())
        .addColumn('signal', types.text, (c) => c.notNull())
        .addColumn('phase', types.text, (c) => c.notNull())
        .addColumn('cycle', types.integer, (c) => c.notNull())
        .addColumn('procedure', types.text, (c) => c.notNull())
        .addColumn('opened_ms', types.integer, (c) => c.notNull())
        .addColumn('first_event_ms', types.integer, (c) => c.notNull())
        .addColumn('signals_clear_ms', types.integer)
        .addColumn('acknowledged_ms', types.integer)
        .addColumn('acknowledged_by', types.text)
        .addColumn('closed_ms', types.integer)
        .addColumn('dismissal', types.text)
        .addColumn('recurrence_of', types.text, (c) => c.references('incident.id'))
        .addColumn('sequence', types.integer, (c) => c.notNull())
        .addColumn('version', types.integer, (c) => c.notNull())
        .addColumn('report', types.text)
        .addPrimaryKeyConstraint('incident_key', ['id']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('timeline')
        .addColumn('seq', types.serial)
        .addColumn('incident_id', types.text, (c) => c.notNull().references('incident.id'))
        .addColumn('at_ms', types.integer, (c) => c.notNull())
        .addColumn('kind', types.text, (c) => c.notNull())
        .addColumn('actor', types.text, (c) => c.notNull())
        .addColumn('text', types.text, (c) => c.notNull())
        .addColumn('data', types.text),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('outbox')
        .addColumn('seq', types.serial)
        .addColumn('id', types.text, (c) => c.notNull().unique())
        .addColumn('receiver', types.text, (c) => c.notNull())
        .addColumn('incident_id', types.text, (c) => c.notNull().references('incident.id'))
        .addColumn('order_key', types.text, (c) => c.notNull())
        .addColumn('sequence', types.integer, (c) => c.notNull())
        .addColumn('type', types.text, (c) => c.notNull())
        .addColumn('body', types.text, (c) => c.notNull())
        .addColumn('created_ms', types.integer, (c) => c.notNull())
        .addColumn('state', types.text, (c) => c.notNull())
        .addColumn('attempt', types.integer, (c) => c.notNull())
        .addColumn('next_ms', types.integer)
        .addColumn('last_status', types.integer)
        .addColumn('last_reason', types.text)
        .addColumn('last_detail', types.text)
        .addUniqueConstraint('outbox_order', ['receiver', 'order_key', 'sequence']),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('attempt')
        .addColumn('delivery_id', types.text, (c) => c.notNull().references('outbox.id'))
        .addColumn('attempt', types.integer, (c) => c.notNull())
        .addColumn('receiver', types.text, (c) => c.notNull())
        .addColumn('at_ms', types.integer, (c) => c.notNull())
        .addColumn('duration_ms', types.integer, (c) => c.notNull())
        .addColumn('outcome', types.text, (c) => c.notNull())
        .addColumn('status', types.integer)
        .addColumn('reason', types.text)
        .addColumn('detail', types.text)
        .addPrimaryKeyConstraint('attempt_key', ['delivery_id', 'attempt']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('receiver_state')
        .addColumn('receiver', types.text, (c) => c.notNull())
        .addColumn('disabled_ms', types.integer)
        .addColumn('cause', types.text)
        .addPrimaryKeyConstraint('receiver_state_key', ['receiver']),
    )
    .execute()
  await schema
    .createIndex('incident_dedup')
    .on('incident')
    .columns(['dedup_hash', 'number'])
    .execute()
  await schema.createIndex('timeline_incident').on('timeline').columns(['incident_id']).execute()
  await schema.createIndex('outbox_incident').on('outbox').columns(['incident_id']).execute()
  // Only the pending ones: the sender's question must not grow with what was ever sent. The
  // predicate is a literal, because SQLite matches a partial index by its text.
  await schema
    .createIndex('outbox_due')
    .on('outbox')
    .columns(['receiver', 'order_key', 'sequence', 'next_ms'])
    .where(sql.ref('state'), '=', sql.lit('pending'))
    .execute()
  await schema
    .createIndex('outbox_dead')
    .on('outbox')
    .columns(['receiver'])
    .where(sql.ref('state'), '=', sql.lit('dead'))
    .execute()
  await schema
    .createIndex('outbox_next')
    .on('outbox')
    // The receiver is for "but not theirs": ten thousand of a dead one are passed over unread.
    .columns(['next_ms', 'seq', 'receiver'])
    .where(sql.ref('state'), '=', sql.lit('pending'))
    .execute()
}

async function createEpisodes(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await types
    .finish(
      schema
        .createTable('episode')
        .addColumn('seq', types.serial)
        .addColumn('id', types.text, (c) => c.notNull().unique())
        .addColumn('rule_id', types.text, (c) => c.notNull())
        .addColumn('rule_rev', types.text, (c) => c.notNull())
        .addColumn('ruleset', types.text)
        .addColumn('group_key', types.text, (c) => c.notNull())
        .addColumn('group_json', types.text, (c) => c.notNull())
        .addColumn('opened_ref', types.text, (c) => c.notNull())
        .addColumn('first_ref', types.text, (c) => c.notNull())
        .addColumn('last_ref', types.text, (c) => c.notNull())
        .addColumn('state', types.text, (c) => c.notNull())
        .addColumn('start_ms', types.integer, (c) => c.notNull())
        .addColumn('end_ms', types.integer, (c) => c.notNull())
        .addColumn('matches', types.integer, (c) => c.notNull())
        .addColumn('firings', types.integer, (c) => c.notNull())
        .addColumn('peak', types.real, (c) => c.notNull())
        .addColumn('value', types.real, (c) => c.notNull())
        .addColumn('severity', types.text, (c) => c.notNull())
        .addColumn('flags', types.text, (c) => c.notNull())
        .addColumn('mode', types.text, (c) => c.notNull())
        .addColumn('incident_id', types.text, (c) => c.references('incident.id'))
        .addColumn('disposition', types.text)
        .addColumn('widened', types.integer, (c) => c.notNull())
        .addColumn('merged_into', types.text),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('alias')
        .addColumn('shard', types.text, (c) => c.notNull())
        .addColumn('id', types.text, (c) => c.notNull())
        .addColumn('stored_id', types.text, (c) => c.notNull().references('episode.id'))
        .addPrimaryKeyConstraint('alias_key', ['shard', 'id']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('episode_disposition')
        .addColumn('seq', types.serial)
        .addColumn('episode_id', types.text, (c) => c.notNull().references('episode.id'))
        .addColumn('disposition', types.text, (c) => c.notNull())
        .addColumn('incident_id', types.text)
        .addColumn('cause', types.text, (c) => c.notNull())
        .addColumn('actor', types.text, (c) => c.notNull())
        .addColumn('at_ms', types.integer, (c) => c.notNull()),
    )
    .execute()
  // Adoption looks a group's episodes up by their end (I5).
  await schema
    .createIndex('episode_adoption')
    .on('episode')
    .columns(['rule_id', 'group_key', 'mode', 'end_ms'])
    .execute()
  await schema
    .createIndex('episode_incident')
    .on('episode')
    .columns(['incident_id', 'state'])
    .execute()
  await schema
    .createIndex('episode_disposition_episode')
    .on('episode_disposition')
    .columns(['episode_id'])
    .execute()
}

async function createCounts(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await types
    .finish(
      schema
        .createTable('slo_minute')
        .addColumn('slo', types.text, (c) => c.notNull())
        .addColumn('group_key', types.text, (c) => c.notNull())
        .addColumn('minute_ms', types.integer, (c) => c.notNull())
        .addColumn('mode', types.text, (c) => c.notNull())
        .addColumn('total', types.integer, (c) => c.notNull())
        .addColumn('bad', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('slo_minute_key', ['slo', 'minute_ms', 'group_key', 'mode']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('slo_total')
        .addColumn('slo', types.text, (c) => c.notNull())
        .addColumn('group_key', types.text, (c) => c.notNull())
        .addColumn('mode', types.text, (c) => c.notNull())
        .addColumn('total', types.integer, (c) => c.notNull())
        .addColumn('bad', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('slo_total_key', ['slo', 'group_key', 'mode']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('ledger')
        .addColumn('rule_id', types.text, (c) => c.notNull())
        .addColumn('hour_ms', types.integer, (c) => c.notNull())
        .addColumn('class', types.text, (c) => c.notNull())
        .addColumn('reason', types.text, (c) => c.notNull())
        .addColumn('n', types.integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('ledger_key', ['rule_id', 'hour_ms', 'class', 'reason']),
      'clustered',
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('gap')
        .addColumn('seq', types.serial)
        .addColumn('partition', types.text, (c) => c.notNull())
        .addColumn('from_position', types.integer, (c) => c.notNull())
        .addColumn('to_position', types.integer, (c) => c.notNull())
        .addColumn('reason', types.text, (c) => c.notNull())
        .addColumn('found_ms', types.integer, (c) => c.notNull()),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('quarantine')
        .addColumn('seq', types.serial)
        .addColumn('partition', types.text, (c) => c.notNull())
        .addColumn('position', types.integer, (c) => c.notNull())
        .addColumn('reason', types.text, (c) => c.notNull())
        .addColumn('detail', types.text, (c) => c.notNull())
        .addColumn('bytes', types.bytes, (c) => c.notNull())
        .addColumn('at_ms', types.integer, (c) => c.notNull()),
    )
    .execute()
  await types
    .finish(
      schema
        .createTable('audit')
        .addColumn('writer', types.text, (c) => c.notNull())
        .addColumn('seq', types.integer, (c) => c.notNull())
        .addColumn('at_ms', types.integer, (c) => c.notNull())
        .addColumn('actor', types.text, (c) => c.notNull())
        .addColumn('action', types.text, (c) => c.notNull())
        .addColumn('subject', types.text, (c) => c.notNull())
        .addColumn('data', types.text, (c) => c.notNull())
        .addColumn('hash', types.text, (c) => c.notNull())
        .addPrimaryKeyConstraint('audit_key', ['writer', 'seq']),
    )
    .execute()
}
