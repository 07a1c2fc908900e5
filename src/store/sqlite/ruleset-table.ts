import type { DatabaseSync } from 'node:sqlite'
import type { CommitEntry } from '../../model/commit.ts'
import type { RulesetOrigin } from '../../model/ruleset.ts'
import { prepare } from './statement.ts'

/** Contents of rule sets, and how long each is needed: see `CoreStore.saveRuleset`. */
export class RulesetTable {
  readonly #shard: string
  readonly #insert
  readonly #await
  readonly #content
  readonly #use
  readonly #dropUses
  readonly #dropUnused

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    this.#insert = prepare(
      database,
      `INSERT INTO ruleset
         (hash, content, created_ms, git_commit, is_dirty, pull_request, approver)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (hash) DO UPDATE SET git_commit = excluded.git_commit,
         is_dirty = excluded.is_dirty, pull_request = excluded.pull_request,
         approver = excluded.approver WHERE excluded.git_commit IS NOT NULL`,
    )
    this.#await = prepare(
      database,
      `INSERT INTO ruleset_use (shard, hash, is_pending) VALUES (?, ?, 1)
       ON CONFLICT (shard, hash) DO UPDATE SET is_pending = 1`,
    )
    this.#content = prepare<{ content: string }>(
      database,
      'SELECT content FROM ruleset WHERE hash = ?',
    )
    this.#use = prepare(
      database,
      `INSERT INTO ruleset_use (shard, hash, records_no, rules_no, is_pending)
       VALUES (?, ?, ?, ?, 0)
       ON CONFLICT (shard, hash) DO UPDATE SET is_pending = 0,
         records_no = coalesce(excluded.records_no, ruleset_use.records_no),
         rules_no = coalesce(excluded.rules_no, ruleset_use.rules_no)`,
    )
    // The latest entry of a kind is the last of them to go, so looking for that one is enough.
    this.#dropUses = prepare(
      database,
      `DELETE FROM ruleset_use WHERE shard = ? AND is_pending = 0 AND hash <> ? AND NOT EXISTS (
         SELECT 1 FROM input_log WHERE input_log.shard = ruleset_use.shard
           AND input_log.no IN (ruleset_use.records_no, ruleset_use.rules_no))
         AND NOT EXISTS (SELECT 1 FROM recompute WHERE recompute.ruleset = ruleset_use.hash)`,
    )
    this.#dropUnused = prepare(
      database,
      `DELETE FROM ruleset WHERE hash NOT IN (SELECT hash FROM ruleset_use)
         AND NOT EXISTS (SELECT 1 FROM episode WHERE episode.ruleset = ruleset.hash)`,
    )
  }

  /** Inside a transaction. */
  save(saved: {
    readonly hash: string
    readonly content: string
    readonly nowMs: number
    readonly origin: RulesetOrigin | null
  }): void {
    const { hash, content, nowMs, origin } = saved
    const isDirty = origin === null ? null : Number(origin.isDirty)
    const { commit = null, pullRequest = null, approver = null } = origin ?? {}
    this.#insert.run(hash, content, nowMs, commit, isDirty, pullRequest, approver)
    this.#await.run(this.#shard, hash)
  }

  content(hash: string): string | undefined {
    return this.#content.get(hash)?.content
  }

  /** Notes which rule sets the entries of a commit name. */
  use(firstNo: number, entries: readonly CommitEntry[]): void {
    const latest = new Map<string, { records: number | null; rules: number | null }>()
    for (const [i, { body }] of entries.entries()) {
      if (body.kind !== 'records' && body.kind !== 'rules') continue
      const before = latest.get(body.ruleset) ?? { records: null, rules: null }
      latest.set(body.ruleset, { ...before, [body.kind]: firstNo + i })
    }
    for (const [hash, { records, rules }] of latest) {
      this.#use.run(this.#shard, hash, records, rules)
    }
  }

  /** Drops every rule set that nothing names any more; `inForce` is that of the time bucket. */
  drop(inForce: string | null): void {
    if (this.#dropUses.run(this.#shard, inForce ?? '') > 0) this.#dropUnused.run()
  }
}
