import type { DatabaseSync } from 'node:sqlite'
import type { JournalHeld, LogBody, TimeBucket } from '../../model/commit.ts'
import type { Database } from '../schema.ts'
import type { Row } from '../rows.ts'
import type { RulesetTable } from './ruleset-table.ts'
import { prepare } from './statement.ts'

/** Of one call, so that a long log holds no commit up. */
const SLICES_MAX = 10_000
const OTHERS_MAX = 500

/**
 * Removes what no replay, no rebuild and no backtest of one shard needs any more (design §4.1):
 * slices below `checkpoint_next`, and what else is older than the journal.
 */
export class Pruning {
  readonly #shard: string
  readonly #rulesets: RulesetTable
  readonly #pruned
  readonly #setPruned
  readonly #dropSlices
  readonly #others
  readonly #dropOther
  readonly #dropPartitions
  /** Entries other than slices go below it; told anew by the cycles of each process. */
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(database: DatabaseSync, shard: string, rulesets: RulesetTable) {
    this.#shard = shard
    this.#rulesets = rulesets
    this.#pruned = prepare<Pick<Row<Database['checkpoint_cycle']>, 'pruned_next' | 'time_bucket'>>(
      database,
      'SELECT pruned_next, time_bucket FROM checkpoint_cycle WHERE shard = ?',
    )
    this.#setPruned = prepare(
      database,
      'UPDATE checkpoint_cycle SET pruned_next = ? WHERE shard = ?',
    )
    this.#dropSlices = prepare(
      database,
      "DELETE FROM input_log WHERE shard = ? AND no >= ? AND no < ? AND kind = 'records'",
    )
    // A rebuild that begins later takes a partition's state from the last entry that told it.
    this.#others = prepare<{ no: number; body: string }>(
      database,
      `SELECT no, body FROM input_log WHERE shard = ? AND kind <> 'records' AND no < ?
         AND no NOT IN (SELECT said_no FROM "partition" WHERE said_no IS NOT NULL AND shard = ?)
       ORDER BY no LIMIT ${OTHERS_MAX}`,
    )
    this.#dropOther = prepare(database, 'DELETE FROM input_log WHERE shard = ? AND no = ?')
    this.#dropPartitions = prepare(
      database,
      `DELETE FROM "partition" WHERE shard = ? AND progress = 'retired'
         AND id NOT IN (SELECT value FROM json_each(?))`,
    )
  }

  /** A cycle is complete; what the journal has is known. Inside a transaction. */
  told({ sinceMs, partitions }: JournalHeld, time: TimeBucket): void {
    this.#sinceMs = sinceMs
    const kept = [...partitions, ...time.partitions.map(({ id }) => id)]
    this.#dropPartitions.run(this.#shard, JSON.stringify(kept))
  }

  /** Removes a bounded lot inside a transaction; answers whether there is more. */
  step(checkpointNext: number): boolean {
    const cycle = this.#pruned.get(this.#shard)
    if (cycle === undefined) return false
    const hasSlices = this.#stepSlices(cycle.pruned_next, checkpointNext)
    const hasOthers = this.#stepOthers(checkpointNext)
    this.#rulesets.drop((JSON.parse(cycle.time_bucket) as TimeBucket).ruleset)
    return hasSlices || hasOthers
  }

  #stepSlices(from: number, checkpointNext: number): boolean {
    const to = Math.min(from + SLICES_MAX, checkpointNext)
    if (to <= from) return false
    this.#dropSlices.run(this.#shard, from, to)
    this.#setPruned.run(to, this.#shard)
    return to < checkpointNext
  }

  #stepOthers(checkpointNext: number): boolean {
    if (this.#sinceMs === Number.NEGATIVE_INFINITY) return false
    const others = this.#others.all(this.#shard, checkpointNext, this.#shard)
    for (const { no, body } of others) {
      const { nowMs } = JSON.parse(body) as LogBody
      if (nowMs >= this.#sinceMs) return false
      this.#dropOther.run(this.#shard, no)
    }
    return others.length === OTHERS_MAX
  }
}
