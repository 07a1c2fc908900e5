import type { DatabaseSync } from 'node:sqlite'
import {
  type CommitRequest,
  type CommitResult,
  type Decide,
  type Decision,
  InvariantError,
  type LogBody,
  type OpenKeyOf,
  type RecomputeCounts,
} from '../../model/commit.ts'
import { Adoption, type AppliedChanges } from './adoption.ts'
import { AttemptTables } from './attempt-tables.ts'
import { CountTables } from './count-tables.ts'
import { DecideInputLoader } from './decide-input.ts'
import { DecisionTables } from './decision-tables.ts'
import { EpisodeTable } from './episode-table.ts'
import { InputLog } from './input-log.ts'
import { OldNews } from './old-news.ts'
import { RecomputeTable } from './recompute-table.ts'
import type { RulesetTable } from './ruleset-table.ts'
import { inTransaction } from './store-error.ts'
import { UnverifiedTable } from './unverified-table.ts'

/**
 * The commit of design §4.1: one transaction over the entries, their effects, what `decide` makes
 * of them, the commands and the sender's attempts. Nothing is remembered here between two commits.
 */
export class Commit {
  readonly log: InputLog
  readonly recomputes: RecomputeTable
  readonly episodes: EpisodeTable
  readonly #database: DatabaseSync
  readonly #counts: CountTables
  readonly #attempts: AttemptTables
  readonly #input: DecideInputLoader
  readonly #decisions: DecisionTables
  readonly #rulesets: RulesetTable
  readonly #oldNews: OldNews
  readonly #unverified: UnverifiedTable

  constructor(database: DatabaseSync, shard: string, rulesets: RulesetTable) {
    this.#database = database
    this.log = new InputLog(database, shard)
    this.episodes = new EpisodeTable(database, shard)
    this.#counts = new CountTables(database, shard)
    this.#attempts = new AttemptTables(database)
    this.#input = new DecideInputLoader(database)
    this.#decisions = new DecisionTables(database, shard)
    this.#rulesets = rulesets
    this.recomputes = new RecomputeTable(database, shard)
    this.#oldNews = new OldNews(this.episodes, this.recomputes)
    this.#unverified = new UnverifiedTable(database, shard)
  }

  run(request: CommitRequest, epoch: number, decide: Decide, openKeyOf: OpenKeyOf): CommitResult {
    if (request.entries.length === 0) throw new InvariantError('a commit has at least one entry')
    return inTransaction(this.#database, () => {
      if (!this.log.insert(request, epoch)) return this.log.answer(request)
      this.#rulesets.use(request.firstNo, request.entries)
      const applied = this.#applyEffects(request, openKeyOf)
      const lastNo = request.firstNo + request.entries.length - 1
      const decision = this.#decide(request, applied, lastNo, decide, openKeyOf)
      for (const report of request.attempts) this.#attempts.write(report)
      const recomputes = this.#recompute(request)
      const result = { lastNo, decision, aliases: applied.aliases, recomputes }
      this.log.finish(request, result)
      return result
    })
  }

  #applyEffects(request: CommitRequest, openKeyOf: OpenKeyOf): AppliedChanges {
    const adoption = new Adoption(this.episodes, openKeyOf)
    for (const [i, entry] of request.entries.entries()) {
      const ruleset = rulesetOf(entry.body)
      for (const change of entry.effects.episodes) adoption.apply(change, ruleset)
      this.#counts.write(entry, request.firstNo + i)
      if (entry.unverified !== undefined) this.#unverified.replace(entry.unverified)
    }
    return adoption
  }

  /** After the entries: an answer meets their episodes too. */
  #recompute({ firstNo, entries, recomputed, nowMs }: CommitRequest): RecomputeCounts {
    const counts = { asked: 0, refused: 0, recorded: 0, widened: 0, noted: 0 }
    for (const answer of recomputed) {
      const { recorded, widened, noted } = this.#oldNews.record(answer, nowMs)
      counts.recorded += recorded
      counts.widened += widened
      counts.noted += noted
    }
    for (const [i, { effects }] of entries.entries()) {
      counts.asked += effects.recomputes.length
      counts.refused += this.recomputes.insert(firstNo + i, effects.recomputes)
    }
    return counts
  }

  #decide(
    request: CommitRequest,
    applied: AppliedChanges,
    lastNo: number,
    decide: Decide,
    openKeyOf: OpenKeyOf,
  ): Decision {
    // Somebody who got no answer asks again, maybe before the first time was committed.
    const byId = new Map(request.commands.map((command) => [command.id, command]))
    const fresh = [...byId.values()].filter(
      ({ id }) => this.#decisions.storedResult(id) === undefined,
    )
    const decision = decide(this.#input.load(request, applied.changes, fresh, openKeyOf))
    this.#decisions.write(decision)
    this.#dispose(decision, applied, request.nowMs)
    this.#decisions.writeCommands(fresh, decision.results, { no: lastNo, nowMs: request.nowMs })
    const isFresh = new Set(fresh.map(({ id }) => id))
    const repeated = request.commands.filter(({ id }) => !isFresh.has(id))
    const stored = repeated.map(({ id }) => this.#decisions.storedResult(id)!)
    return { ...decision, results: [...decision.results, ...stored] }
  }

  /** I9: every episode has exactly one current disposition, and keeps its history. */
  #dispose(decision: Decision, applied: AppliedChanges, nowMs: number): void {
    for (const { episodeId, ...next } of decision.dispositions) {
      this.episodes.dispose(episodeId, next, nowMs)
    }
    for (const [id, survivorId] of applied.absorbed) {
      const { incidentId, disposition } = this.episodes.find(id)!
      if (disposition === 'merged') continue
      const cause = `merged into the episode ${survivorId}`
      this.episodes.dispose(
        id,
        { disposition: 'merged', incidentId, cause, actor: 'tocsin' },
        nowMs,
      )
    }
    for (const id of applied.inserted) {
      if (this.episodes.find(id)!.disposition !== null) continue
      throw new InvariantError(`the decision gave the new episode ${id} no disposition`)
    }
  }
}

/** The rule set that an entry names, where it does. */
function rulesetOf(body: LogBody): string | null {
  return body.kind === 'records' || body.kind === 'rules' ? body.ruleset : null
}
