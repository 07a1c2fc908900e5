import type { DatabaseSync } from 'node:sqlite'
import {
  type CheckpointNext,
  type Claim,
  type CommitRequest,
  type CommitResult,
  type CoreStore,
  type Decide,
  InvariantError,
  type LogBody,
  type LogEntry,
  type OpenKeyOf,
  type OutstandingRecompute,
  type SavedBucket,
  type TimeBucket,
} from '../../model/commit.ts'
import type { Episode } from '../../model/episode.ts'
import type { RulesetOrigin } from '../../model/ruleset.ts'
import { Checkpoint } from './checkpoint.ts'
import { prepareClaim } from './claim.ts'
import { Commit } from './commit.ts'
import { openWriter } from './connection.ts'
import { prepareFence } from './fence.ts'
import { RulesetTable } from './ruleset-table.ts'
import { inTransaction } from './store-error.ts'

/** Opens (or creates) the embedded database as the core's store. */
export async function openSqliteStore(options: {
  readonly file: string
  /** One process is one shard until scaled out. */
  readonly shard?: string
}): Promise<CoreStore & { readonly path: string }> {
  return new SqliteCoreStore(await openWriter(options.file), options.file, options.shard ?? 'main')
}

/** The core's store on a connection that is open already and whose schema is up to date. */
export function sqliteStoreOn(database: DatabaseSync): CoreStore {
  return new SqliteCoreStore(database, ':memory:', 'main')
}

class SqliteCoreStore implements CoreStore {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #claim
  readonly #fence
  readonly #commit: Commit
  readonly #checkpoint: Checkpoint
  readonly #rulesets: RulesetTable
  /** Epoch of our latest claim; `null` before the first. */
  #epoch: number | null = null

  constructor(database: DatabaseSync, path: string, shard: string) {
    this.path = path
    this.#database = database
    this.#claim = prepareClaim(database, shard)
    this.#fence = prepareFence(database, shard)
    this.#rulesets = new RulesetTable(database, shard)
    this.#commit = new Commit(database, shard, this.#rulesets)
    this.#checkpoint = new Checkpoint(database, shard, this.#rulesets)
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
    return this.#commit.run(request, this.#claimed(), decide, openKeyOf)
  }

  async unsettledEpisodes(ruleId: string): Promise<readonly Episode[]> {
    return this.#commit.episodes.unsettled(ruleId)
  }

  async *readLog(from: number, kind?: LogBody['kind']): AsyncIterable<LogEntry> {
    // Page by page, because an open cursor would hold the WAL back while commits go on.
    let next = from
    for (;;) {
      const page = this.#commit.log.page(next, kind)
      if (page.length === 0) return
      yield* page
      next = page.at(-1)!.no + 1
    }
  }

  async saveCheckpoint(buckets: readonly SavedBucket[], next?: CheckpointNext): Promise<boolean> {
    return this.#checkpoint.save(buckets, next, this.#claimed())
  }

  async loadCheckpoint(): Promise<{
    readonly time: TimeBucket | undefined
    readonly buckets: AsyncIterable<SavedBucket>
  }> {
    return { time: this.#checkpoint.time(), buckets: this.#checkpoint.buckets() }
  }

  async saveRuleset(
    hash: string,
    content: string,
    nowMs: number,
    origin: RulesetOrigin | null = null,
  ): Promise<void> {
    const epoch = this.#claimed()
    inTransaction(this.#database, () => {
      this.#fence(epoch)
      this.#rulesets.save({ hash, content, nowMs, origin })
    })
  }

  async loadRuleset(hash: string): Promise<string | undefined> {
    return this.#rulesets.content(hash)
  }

  async outstandingRecomputes(limit: number): Promise<readonly OutstandingRecompute[]> {
    return this.#commit.recomputes.oldest(limit)
  }

  async close(): Promise<void> {
    this.#database.close()
  }

  #claimed(): number {
    if (this.#epoch !== null) return this.#epoch
    throw new InvariantError('the shard must be claimed before anything is written to it')
  }
}
