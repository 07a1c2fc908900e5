import type { DatabaseSync } from 'node:sqlite'
import type { OutstandingRecompute, Recompute, RefusedRange } from '../../model/commit.ts'
import type { Row } from '../rows.ts'
import type { Database } from '../schema.ts'
import { prepare } from './statement.ts'

/** Outstanding at one time (I2): some 50 MB of rows, and hours of work. */
const OUTSTANDING_MAX = 100_000

/** Recomputes that an entry asked for and whose answer is not committed yet. */
export class RecomputeTable {
  readonly #shard: string
  readonly #max: number
  readonly #insert
  readonly #count
  readonly #oldest
  readonly #adjoining
  readonly #find
  readonly #delete

  constructor(database: DatabaseSync, shard: string, max = OUTSTANDING_MAX) {
    this.#shard = shard
    this.#max = max
    this.#insert = prepare(
      database,
      `INSERT INTO recompute (shard, no, rule_id, rule_rev, ruleset, group_key, from_ms, to_ms,
         reach_ms, refused)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#count = prepare<{ n: number }>(
      database,
      'SELECT count(*) AS n FROM recompute WHERE shard = ?',
    )
    this.#oldest = prepare<Row<Database['recompute']>>(
      database,
      'SELECT * FROM recompute WHERE shard = ? ORDER BY id LIMIT ?',
    )
    this.#adjoining = prepare<{ start: number | null; end: number | null }>(
      database,
      `SELECT min(start_ms) AS start, max(end_ms) AS end FROM episode WHERE rule_id = ?
         AND group_key = ? AND end_ms >= ? AND start_ms <= ? AND merged_into IS NULL
         AND recomputed = 1`,
    )
    this.#find = prepare<{ id: number }>(
      database,
      'SELECT id FROM recompute WHERE shard = ? AND id = ?',
    )
    this.#delete = prepare(database, 'DELETE FROM recompute WHERE shard = ? AND id = ?')
  }

  /** Inserts those that entry `no` asks for; answers how many there was no room for. */
  insert(no: number, asked: readonly Recompute[]): number {
    if (asked.length === 0) return 0
    const room = Math.max(0, this.#max - this.#count.get(this.#shard)!.n)
    for (const recompute of asked.slice(0, room)) {
      const { ruleId, ruleRev, ruleset, group, fromMs, toMs, reachMs } = recompute
      const refused = JSON.stringify(recompute.refused)
      const times = [fromMs, toMs, reachMs] as const
      this.#insert.run(this.#shard, no, ruleId, ruleRev, ruleset, group, ...times, refused)
    }
    return Math.max(0, asked.length - room)
  }

  oldest(limit: number): OutstandingRecompute[] {
    return this.#oldest.all(this.#shard, limit).map((row) => ({
      id: row.id,
      ruleId: row.rule_id,
      ruleRev: row.rule_rev,
      ruleset: row.ruleset,
      group: row.group_key,
      fromMs: row.from_ms,
      toMs: row.to_ms,
      reachMs: row.reach_ms,
      adjoining: this.#adjoiningOf(row),
      refused: JSON.parse(row.refused) as RefusedRange[],
    }))
  }

  isOutstanding(id: number): boolean {
    return this.#find.get(this.#shard, id) !== undefined
  }

  answered(id: number): void {
    this.#delete.run(this.#shard, id)
  }

  #adjoiningOf(row: Row<Database['recompute']>): OutstandingRecompute['adjoining'] {
    const { rule_id, group_key, from_ms, to_ms, reach_ms } = row
    const found = this.#adjoining.get(rule_id, group_key, from_ms - reach_ms, to_ms + reach_ms)
    if (found?.start == null || found.end === null) return null
    return { startMs: found.start, endMs: found.end }
  }
}
