import type { DatabaseSync } from 'node:sqlite'
import { FencedError } from '../../model/commit.ts'
import type { Database } from '../schema.ts'
import type { Row } from '../rows.ts'
import { prepare } from './statement.ts'

/** What its owner reads of a shard before it writes. */
export type OwnedShard = Pick<
  Row<Database['shard']>,
  'epoch' | 'owner' | 'next_no' | 'checkpoint_next'
>

/**
 * The fence of a shard (I4): reads it, inside the transaction that is about to write, and throws
 * {@link FencedError} when another owner has claimed it since `epoch`.
 */
export function prepareFence(database: DatabaseSync, shard: string): (epoch: number) => OwnedShard {
  const read = prepare<OwnedShard>(
    database,
    'SELECT epoch, owner, next_no, checkpoint_next FROM shard WHERE shard = ?',
  )
  return (epoch) => {
    const owned = read.get(shard)
    if (owned?.epoch === epoch) return owned
    throw new FencedError(
      `the shard ${shard} was taken over by ${owned?.owner ?? 'nobody'} (epoch ` +
        `${owned?.epoch ?? 'none'}, ours is ${epoch})`,
    )
  }
}
