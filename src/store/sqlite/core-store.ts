import type { DatabaseSync } from 'node:sqlite'
import {
  type Claim,
  type CommitRequest,
  type CommitResult,
  type CoreStore,
  type Decide,
  InvariantError,
  type LogEntry,
  type OpenKeyOf,
} from '../../model/commit.ts'
import { prepareClaim } from './claim.ts'
import { Commit } from './commit.ts'
import { openWriter } from './connection.ts'
import { prepare } from './statement.ts'
import { inTransaction } from './store-error.ts'

/** Opens (or creates) the embedded database as the core's store. */
export async function openSqliteStore(options: {
  readonly file: string
  /** One process is one shard until scaled out. */
  readonly shard?: string
}): Promise<CoreStore & { readonly path: string }> {
  return new SqliteCoreStore(await openWriter(options.file), options.file, options.shard ?? 'main')
}

class SqliteCoreStore implements CoreStore {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #claim
  readonly #commit: Commit
  readonly #saveRuleset
  readonly #loadRuleset
  /** Epoch of our latest claim; `null` before the first. */
  #epoch: number | null = null

  constructor(database: DatabaseSync, path: string, shard: string) {
    this.path = path
    this.#database = database
    this.#claim = prepareClaim(database, shard)
    this.#commit = new Commit(database, shard)
    this.#saveRuleset = prepare(
      database,
      `INSERT INTO ruleset (hash, content, created_ms) VALUES (?, ?, ?)
       ON CONFLICT (hash) DO NOTHING`,
    )
    this.#loadRuleset = prepare<{ content: string }>(
      database,
      'SELECT content FROM ruleset WHERE hash = ?',
    )
  }

  async claim(owner: string, nowMs: number): Promise<Claim> {
    const claim = this.#claim(owner, nowMs)
    this.#epoch = claim.epoch
    return claim
  }

  async commit(
    request: CommitRequest,
    decide: Decide,
    openKeyOf: OpenKeyOf,
  ): Promise<CommitResult> {
    if (this.#epoch === null) throw new InvariantError('the shard must be claimed before a commit')
    return this.#commit.run(request, this.#epoch, decide, openKeyOf)
  }

  async *readLog(from: number): AsyncIterable<LogEntry> {
    // Page by page, because an open cursor would hold the WAL back while commits go on.
    let next = from
    for (;;) {
      const page = this.#commit.log.page(next)
      if (page.length === 0) return
      yield* page
      next = page.at(-1)!.no + 1
    }
  }

  async saveRuleset(hash: string, content: string, nowMs: number): Promise<void> {
    inTransaction(this.#database, () => this.#saveRuleset.run(hash, content, nowMs))
  }

  async loadRuleset(hash: string): Promise<string | undefined> {
    return this.#loadRuleset.get(hash)?.content
  }

  async close(): Promise<void> {
    this.#database.close()
  }
}
