import type { DatabaseSync } from 'node:sqlite'
import type { UnverifiedRule } from '../../model/broken.ts'
import type { Row } from '../rows.ts'
import type { Database } from '../schema.ts'
import { prepare } from './statement.ts'

/** Marks on rules that may be wrong (I13): all of a shard's, as its latest change says. */
export class UnverifiedTable {
  readonly #shard: string
  readonly #clear
  readonly #insert
  readonly #all

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    this.#clear = prepare(database, 'DELETE FROM unverified_rule WHERE shard = ?')
    this.#insert = prepare(
      database,
      `INSERT INTO unverified_rule (shard, rule_id, state_hash, since_ms, cause)
       VALUES (?, ?, ?, ?, ?)`,
    )
    this.#all = prepare<Row<Database['unverified_rule']>>(
      database,
      'SELECT * FROM unverified_rule WHERE shard = ? ORDER BY rule_id',
    )
  }

  replace(rules: readonly UnverifiedRule[]): void {
    this.#clear.run(this.#shard)
    for (const { ruleId, stateHash, sinceMs, cause } of rules) {
      this.#insert.run(this.#shard, ruleId, stateHash, sinceMs, cause)
    }
  }

  all(): UnverifiedRule[] {
    return this.#all.all(this.#shard).map((row) => ({
      ruleId: row.rule_id,
      stateHash: row.state_hash,
      sinceMs: row.since_ms,
      cause: row.cause,
    }))
  }
}
