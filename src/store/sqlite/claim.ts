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
  const raise = prepare<{ epoch: number; next_no: number; checkpoint_next: number }>(
    database,
    `INSERT INTO shard (shard, epoch, owner, claimed_ms, next_no, checkpoint_next)
     VALUES (?, 1, ?, ?, 1, 0)
     ON CONFLICT (shard) DO UPDATE SET epoch = shard.epoch + 1, owner = excluded.owner,
       claimed_ms = excluded.claimed_ms
     RETURNING epoch, next_no, checkpoint_next`,
  )
  const partitions = prepare<Row<Database['partition']>>(
    database,
    'SELECT * FROM "partition" WHERE shard = ? ORDER BY id',
  )
  const unverified = new UnverifiedTable(database, shard)
  return (owner, nowMs) =>
    inTransaction(database, () => {
      const row = raise.get(shard, owner, nowMs)!
      return {
        epoch: row.epoch,
        nextNo: row.next_no,
        checkpointNext: row.checkpoint_next,
        partitions: partitions.all(shard).map(partitionOf),
        unverified: unverified.all(),
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
