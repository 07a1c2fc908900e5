import type { DatabaseSync } from 'node:sqlite'
import { canonicalJson } from '../../lib/canonical.ts'
import {
  type CommitRequest,
  type CommitResult,
  FencedError,
  InvariantError,
  type LogBody,
  type LogEntry,
} from '../../model/commit.ts'
import type { Database } from '../schema.ts'
import type { Row } from '../rows.ts'
import { prepareFence } from './fence.ts'
import { prepare } from './statement.ts'

/** Entries read at a time, so that a long log never lies in memory whole. */
const PAGE = 500

/** The input log of one shard, whose primary key is the fence (I4, design §4.1). */
export class InputLog {
  readonly #shard: string
  readonly #fence
  readonly #insert
  readonly #read
  readonly #page
  readonly #pageOfRecords
  readonly #pageOfKind
  readonly #advance
  readonly #answer
  readonly #setAnswer

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    this.#fence = prepareFence(database, shard)
    this.#insert = prepare(
      database,
      `INSERT INTO input_log (shard, no, epoch, kind, body, engine_version, effects_hash,
         rule_hashes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (shard, no) DO NOTHING`,
    )
    this.#read = prepare<Row<Database['input_log']>>(
      database,
      'SELECT * FROM input_log WHERE shard = ? AND no = ?',
    )
    this.#page = prepare<Row<Database['input_log']>>(
      database,
      'SELECT * FROM input_log WHERE shard = ? AND no >= ? ORDER BY no LIMIT ?',
    )
    this.#pageOfRecords = prepare<Row<Database['input_log']>>(
      database,
      'SELECT * FROM input_log WHERE shard = ? AND no >= ? AND kind = ? ORDER BY no LIMIT ?',
    )
    // Said once more, so that the index without slices is used.
    this.#pageOfKind = prepare<Row<Database['input_log']>>(
      database,
      `SELECT * FROM input_log WHERE shard = ? AND no >= ? AND kind = ? AND kind <> 'records'
       ORDER BY no LIMIT ?`,
    )
    this.#advance = prepare(
      database,
      'UPDATE shard SET next_no = ?, listened_ms = coalesce(?, listened_ms) WHERE shard = ?',
    )
    this.#answer = prepare<Row<Database['answer']>>(
      database,
      'SELECT * FROM answer WHERE shard = ?',
    )
    this.#setAnswer = prepare(
      database,
      `INSERT INTO answer (shard, first_no, last_no, request, result) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (shard) DO UPDATE SET first_no = excluded.first_no, last_no = excluded.last_no,
         request = excluded.request, result = excluded.result`,
    )
  }

  /**
   * Inserts the entries of a commit. `false` when all of them are there already, written by this
   * very owner: the answer to the commit was lost. Throws {@link FencedError} for anything else
   * that stands in the way.
   */
  insert(request: CommitRequest, epoch: number): boolean {
    const shard = this.#fence(epoch)
    if (request.firstNo > shard.next_no) {
      throw new InvariantError(
        `the commit starts at entry ${request.firstNo}, but the log ends before ${shard.next_no}`,
      )
    }
    if (request.firstNo === shard.next_no && this.#insertAll(request, epoch)) return true
    if (!this.#isStored(request, epoch)) {
      throw new FencedError(
        `another writer has written entry ${request.firstNo} of the shard ${this.#shard}`,
      )
    }
    return false
  }

  /** Moves the shard on and keeps the answer until the next commit. */
  finish(request: CommitRequest, result: CommitResult): void {
    this.#advance.run(result.lastNo + 1, request.listenedMs ?? null, this.#shard)
    this.#setAnswer.run(
      this.#shard,
      request.firstNo,
      result.lastNo,
      requestName(request),
      JSON.stringify({ ...result, aliases: [...result.aliases] }),
    )
  }

  /** The answer to a commit that is stored already. */
  answer(request: CommitRequest): CommitResult {
    const stored = this.#answer.get(this.#shard)
    if (stored?.first_no !== request.firstNo || stored.request !== requestName(request)) {
      throw new InvariantError(
        `entry ${request.firstNo} was committed before, but with other entries, commands or ` +
          'attempts: a retry must be the same request',
      )
    }
    const result = JSON.parse(stored.result) as CommitResult & {
      readonly aliases: unknown
    }
    return { ...result, aliases: new Map(result.aliases as Iterable<[string, string]>) }
  }

  /** Up to {@link PAGE} entries from `from` on, of one kind or of all. */
  page(from: number, kind?: LogBody['kind']): LogEntry[] {
    return this.#rows(from, kind).map((row) => ({
      no: row.no,
      epoch: row.epoch,
      body: JSON.parse(row.body) as LogBody,
      engineVersion: row.engine_version,
      effectsHash: row.effects_hash,
      ruleHashes:
        row.rule_hashes === null ? null : (JSON.parse(row.rule_hashes) as Record<string, string>),
    }))
  }

  #rows(from: number, kind: LogBody['kind'] | undefined): Row<Database['input_log']>[] {
    if (kind === undefined) return this.#page.all(this.#shard, from, PAGE)
    const page = kind === 'records' ? this.#pageOfRecords : this.#pageOfKind
    return page.all(this.#shard, from, kind, PAGE)
  }

  /** `false` when the primary key was taken: another writer's row, though the epoch is ours. */
  #insertAll(request: CommitRequest, epoch: number): boolean {
    for (const [i, { body, effectsHash, ruleHashes }] of request.entries.entries()) {
      const inserted = this.#insert.run(
        this.#shard,
        request.firstNo + i,
        epoch,
        body.kind,
        canonicalJson(body),
        request.engineVersion,
        effectsHash,
        ruleHashes === undefined ? null : JSON.stringify(ruleHashes),
      )
      if (inserted === 0) return false
    }
    return true
  }

  #isStored(request: CommitRequest, epoch: number): boolean {
    return request.entries.every(({ body, effectsHash }, i) => {
      const row = this.#read.get(this.#shard, request.firstNo + i)
      return (
        row?.epoch === epoch &&
        row.engine_version === request.engineVersion &&
        row.effects_hash === effectsHash &&
        row.body === canonicalJson(body)
      )
    })
  }
}

/** What besides the entries a retry must repeat. */
function requestName(request: CommitRequest): string {
  return canonicalJson({
    entries: request.entries.length,
    commands: request.commands.map((command) => command.id),
    attempts: request.attempts.map(({ deliveryId, attempt }) => [deliveryId, attempt]),
    recomputed: request.recomputed.flatMap(({ ids }) => ids),
  })
}
