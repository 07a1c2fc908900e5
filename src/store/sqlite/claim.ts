import type { DatabaseSync } from 'node:sqlite'
import type { Claim } from '../../model/commit.ts'
import type { PartitionLink, PartitionProgress, PartitionState } from '../../model/partition.ts'
import type { Database } from '../schema.ts'
import type { Row } from '../rows.ts'
import { prepare } from './statement.ts'
import { inTransaction } from './store-error.ts'
import { UnverifiedTable } from './unverified-table.ts'

/** Takes a shard over: raises its epoch, which fences every commit of the owner before. */
export function prepareClaim(
  database: DatabaseSync,
  shard: string,
): (owner: string, nowMs: number) => Claim {
  const raise = prepare<Omit<Row<Database['shard']>, 'shard' | 'owner' | 'claimed_ms'>>(
    database,
    `INSERT INTO shard (shard, epoch, owner, claimed_ms, next_no, checkpoint_next)
     VALUES (?, 1, ?, ?, 1, 0)
     ON CONFLICT (shard) DO UPDATE SET epoch = shard.epoch + 1, owner = excluded.owner,
       claimed_ms = excluded.claimed_ms
     RETURNING epoch, next_no, checkpoint_next, listened_ms`,
  )
  const partitions = prepare<Row<Database['partition']>>(
    database,
    'SELECT * FROM "partition" WHERE shard = ? ORDER BY id',
  )
  const endGaps = prepare(
    database,
    'UPDATE gap SET to_ms = max(from_ms, coalesce(?, from_ms)) WHERE to_ms IS NULL AND from_ms IS NOT NULL',
  )
  const unverified = new UnverifiedTable(database, shard)
  return (owner, nowMs) =>
    inTransaction(database, () => {
      const row = raise.get(shard, owner, nowMs)!
      endGaps.run(row.listened_ms)
      return {
        epoch: row.epoch,
        nextNo: row.next_no,
        checkpointNext: row.checkpoint_next,
        partitions: partitions.all(shard).map(partitionOf),
        unverified: unverified.all(),
        listenedMs: row.listened_ms,
      }
    })
}

function partitionOf(row: Row<Database['partition']>): PartitionState {
  return {
    id: row.id,
    input: row.input,
    epoch: row.epoch,
    next: row.next,
    maxTimeMs: row.max_time_ms,
    maxReceivedMs: row.max_received_ms,
    lastReceivedMs: row.last_received_ms,
    link: row.link as PartitionLink,
    progress: row.progress as PartitionProgress,
    ...(row.log_offset !== null && { offset: row.log_offset }),
  }
}
