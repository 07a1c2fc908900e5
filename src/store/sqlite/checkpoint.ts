import type { DatabaseSync } from 'node:sqlite'
import {
  type CheckpointNext,
  InvariantError,
  type SavedBucket,
  type TimeBucket,
} from '../../model/commit.ts'
import type { Database } from '../schema.ts'
import type { Row } from '../rows.ts'
import { prepareFence } from './fence.ts'
import { Pruning } from './pruning.ts'
import type { RulesetTable } from './ruleset-table.ts'
import { prepare } from './statement.ts'
import { inTransaction } from './store-error.ts'

/** Buckets read at a time: of a million groups each has about 1 MB. */
const PAGE = 64

/** Checkpoint cycles of one shard (design §4.1): window state of the rules, and where replay starts. */
export class Checkpoint {
  readonly #database: DatabaseSync
  readonly #shard: string
  readonly #pruning: Pruning
  readonly #fence
  readonly #upsert
  readonly #nextPair
  readonly #dropPair
  readonly #dropEmpty
  readonly #advance
  readonly #cycle
  readonly #setCycle
  readonly #page

  constructor(database: DatabaseSync, shard: string, rulesets: RulesetTable) {
    this.#database = database
    this.#shard = shard
    this.#pruning = new Pruning(database, shard, rulesets)
    this.#fence = prepareFence(database, shard)
    this.#upsert = prepare(
      database,
      `INSERT INTO checkpoint (shard, rule_id, state_hash, bucket, no, state)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (shard, rule_id, state_hash, bucket) DO UPDATE SET no = excluded.no,
         state = excluded.state WHERE excluded.no >= checkpoint.no`,
    )
    this.#nextPair = prepare<Pair>(
      database,
      `SELECT rule_id, state_hash FROM checkpoint WHERE shard = ?
         AND (rule_id, state_hash) > (?, ?) ORDER BY rule_id, state_hash LIMIT 1`,
    )
    this.#dropPair = prepare(
      database,
      'DELETE FROM checkpoint WHERE shard = ? AND rule_id = ? AND state_hash = ?',
    )
    this.#dropEmpty = prepare(
      database,
      'DELETE FROM checkpoint WHERE shard = ? AND no < ? AND length(state) = 0',
    )
    this.#advance = prepare(database, 'UPDATE shard SET checkpoint_next = ? WHERE shard = ?')
    this.#cycle = prepare<Row<Database['checkpoint_cycle']>>(
      database,
      'SELECT * FROM checkpoint_cycle WHERE shard = ?',
    )
    this.#setCycle = prepare(
      database,
      `INSERT INTO checkpoint_cycle (shard, time_bucket, pruned_next) VALUES (?, ?, 0)
       ON CONFLICT (shard) DO UPDATE SET time_bucket = excluded.time_bucket`,
    )
    this.#page = prepare<Row<Database['checkpoint']>>(
      database,
      `SELECT * FROM checkpoint WHERE shard = ? AND (rule_id, state_hash, bucket) > (?, ?, ?)
       ORDER BY rule_id, state_hash, bucket LIMIT ?`,
    )
  }

  /** See `CoreStore.saveCheckpoint`. */
  save(buckets: readonly SavedBucket[], next: CheckpointNext | undefined, epoch: number): boolean {
    return inTransaction(this.#database, () => {
      const shard = this.#fence(epoch)
      for (const bucket of buckets) this.#write(bucket, shard.next_no)
      if (next !== undefined) this.#complete(next, shard)
      return this.#pruning.step(next?.no ?? shard.checkpoint_next)
    })
  }

  time(): TimeBucket | undefined {
    const cycle = this.#cycle.get(this.#shard)
    return cycle && (JSON.parse(cycle.time_bucket) as TimeBucket)
  }

  /** Page by page, because an open cursor would hold the WAL back. */
  async *buckets(): AsyncIterable<SavedBucket> {
    let last: Pick<Row<Database['checkpoint']>, 'rule_id' | 'state_hash' | 'bucket'> | undefined =
      START
    while (last !== undefined) {
      const page = this.#page.all(this.#shard, last.rule_id, last.state_hash, last.bucket, PAGE)
      for (const { rule_id, state_hash, bucket, no, state } of page) {
        yield { ruleId: rule_id, stateHash: state_hash, bucket, no, blob: state }
      }
      last = page.at(-1)
    }
  }

  #write({ ruleId, stateHash, bucket, no, blob }: SavedBucket, nextNo: number): void {
    const name = `bucket ${bucket} of the rule ${ruleId}`
    if (no >= nextNo) {
      // Ahead of its entry it would skip what that entry turns out to be (design §4.1).
      throw new InvariantError(
        `${name} holds the state after entry ${no}, but the log ends before ${nextNo}`,
      )
    }
    if (this.#upsert.run(this.#shard, ruleId, stateHash, bucket, no, blob) === 0) {
      throw new InvariantError(`${name} is stored as it was after a later entry than ${no}`)
    }
  }

  #complete(
    { no, time, rules, journal }: CheckpointNext,
    shard: { next_no: number; checkpoint_next: number },
  ) {
    if (no < shard.checkpoint_next || no > shard.next_no) {
      throw new InvariantError(
        `a checkpoint cycle cannot begin at entry ${no}: the one before began at ` +
          `${shard.checkpoint_next}, and the next entry is ${shard.next_no}`,
      )
    }
    if (!Object.values(time.watermarks).every(Number.isFinite)) {
      throw new InvariantError('a watermark that is not a number has no place in a checkpoint')
    }
    this.#advance.run(no, this.#shard)
    this.#setCycle.run(this.#shard, JSON.stringify(time))
    this.#dropStateExceptOf(rules)
    // A replay from here on finds no state in a bucket that is missing: that is what these say.
    this.#dropEmpty.run(this.#shard, no)
    if (journal !== undefined) this.#pruning.told(journal, time)
  }

  /** All at once: what is left of a rule would be found again by one that returns under its name. */
  #dropStateExceptOf(rules: CheckpointNext['rules']): void {
    const kept = new Set(rules.map(({ ruleId, stateHash }) => `${ruleId}\n${stateHash}`))
    let pair: Pair | undefined = START
    while ((pair = this.#nextPair.get(this.#shard, pair.rule_id, pair.state_hash)) !== undefined) {
      const { rule_id, state_hash } = pair
      if (kept.has(`${rule_id}\n${state_hash}`)) continue
      this.#dropPair.run(this.#shard, rule_id, state_hash)
    }
  }
}

type Pair = Pick<Row<Database['checkpoint']>, 'rule_id' | 'state_hash'>

/** Before every row: no rule has an empty id. */
const START = { rule_id: '', state_hash: '', bucket: -1 }
