import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { InvariantError } from '../../model/commit.ts'
import type { Disposition, Episode, Mode } from '../../model/episode.ts'
import type { Database } from '../schema.ts'
import { episodeOf, type Row } from '../rows.ts'
import { marks, prepare } from './statement.ts'

type EpisodeRow = Row<Database['episode']>

/** An episode as stored, with what the engine knows nothing of. */
export interface StoredRow {
  readonly episode: Episode
  readonly mode: Mode
  readonly incidentId: string | null
  readonly disposition: Disposition | null
  /** Adopted at least once: from then on it only grows. */
  readonly widened: boolean
  readonly mergedInto: string | null
  /** Read back for late matches, not told by the engine. */
  readonly recomputed: boolean
}

/** What changes in an episode's row; the rest is fixed when it is inserted. */
const CHANGING = [
  'rule_rev',
  'first_ref',
  'last_ref',
  'state',
  'start_ms',
  'end_ms',
  'matches',
  'firings',
  'peak',
  'value',
  'severity',
  'flags',
  'widened',
] as const
const FIXED = [
  'id',
  'rule_id',
  'ruleset',
  'group_key',
  'group_json',
  'opened_ref',
  'mode',
  'recomputed',
] as const

/** Statements on `episode`, `alias` and `episode_disposition`. */
export class EpisodeTable {
  readonly #find
  readonly #adoptable
  readonly #unsettled
  readonly #recomputed
  readonly #known
  readonly #addLate
  readonly #insert
  readonly #update
  readonly #merge
  readonly #takeLate
  readonly #dispose
  readonly #addHistory
  readonly #alias
  readonly #setAlias
  readonly #dropAlias
  readonly #shard: string

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    this.#find = prepare<EpisodeRow>(database, 'SELECT * FROM episode WHERE id = ?')
    const reaching = (recomputed: 0 | 1): string =>
      `SELECT * FROM episode WHERE rule_id = ? AND group_key = ? AND mode = ? AND end_ms >= ?
         AND start_ms <= ? AND merged_into IS NULL AND id <> ? AND recomputed = ${recomputed}
         ORDER BY seq`
    this.#unsettled = prepare<EpisodeRow>(
      database,
      `SELECT * FROM episode WHERE rule_id = ? AND state <> 'settled' AND merged_into IS NULL
         AND recomputed = 0 ORDER BY seq`,
    )
    this.#adoptable = prepare<EpisodeRow>(database, reaching(0))
    this.#recomputed = prepare<EpisodeRow>(database, reaching(1))
    this.#known = prepare<EpisodeRow>(
      database,
      `SELECT * FROM episode WHERE rule_id = ? AND group_key = ? AND mode = ?
         AND merged_into IS NULL AND recomputed = 0
         AND (end_ms >= ? AND start_ms <= ? OR late_to_ms >= ? AND late_from_ms <= ?)
         ORDER BY start_ms, seq LIMIT 1`,
    )
    this.#addLate = prepare(
      database,
      `UPDATE episode SET late_matches = late_matches + ?,
         late_from_ms = min(coalesce(late_from_ms, ?), ?),
         late_to_ms = max(coalesce(late_to_ms, ?), ?) WHERE id = ?`,
    )
    const columns = [...FIXED, ...CHANGING]
    this.#insert = prepare(
      database,
      `INSERT INTO episode (${columns.join(', ')}) VALUES (${marks(columns)})`,
    )
    this.#update = prepare(
      database,
      `UPDATE episode SET ${CHANGING.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`,
    )
    this.#merge = prepare(database, 'UPDATE episode SET merged_into = ? WHERE id = ?')
    this.#takeLate = prepare(
      database,
      `UPDATE episode SET late_matches = episode.late_matches + merged.late_matches,
         late_from_ms = min(coalesce(episode.late_from_ms, merged.late_from_ms),
           merged.late_from_ms),
         late_to_ms = max(coalesce(episode.late_to_ms, merged.late_to_ms), merged.late_to_ms)
       FROM (SELECT late_matches, late_from_ms, late_to_ms FROM episode WHERE id = ?) AS merged
       WHERE episode.id = ? AND merged.late_matches > 0`,
    )
    this.#dispose = prepare(
      database,
      'UPDATE episode SET disposition = ?, incident_id = ? WHERE id = ?',
    )
    this.#addHistory = prepare(
      database,
      `INSERT INTO episode_disposition (episode_id, disposition, incident_id, cause, actor, at_ms)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    this.#alias = prepare<{ stored_id: string }>(
      database,
      'SELECT stored_id FROM alias WHERE shard = ? AND id = ?',
    )
    this.#setAlias = prepare(
      database,
      `INSERT INTO alias (shard, id, stored_id) VALUES (?, ?, ?)
       ON CONFLICT (shard, id) DO UPDATE SET stored_id = excluded.stored_id`,
    )
    this.#dropAlias = prepare(database, 'DELETE FROM alias WHERE shard = ? AND id = ?')
  }

  find(id: string): StoredRow | undefined {
    const row = this.#find.get(id)
    return row === undefined ? undefined : storedRow(row)
  }

  /** Those of a rule that may still change, as told and not read back. */
  unsettled(ruleId: string): Episode[] {
    return this.#unsettled.all(ruleId).map(episodeOf)
  }

  /**
   * Rows of the same rule, group and mode that reach into [fromMs, toMs], first opened first; those
   * recorded by a recompute are not among them: nothing adopts or absorbs one (design §4.2).
   */
  reaching(
    episode: Episode,
    mode: Mode,
    interval: { readonly fromMs: number; readonly toMs: number },
  ): StoredRow[] {
    return this.#adoptable
      .all(episode.ruleId, episode.groupKey, mode, interval.fromMs, interval.toMs, episode.id)
      .map(storedRow)
  }

  /** The same of those that a recompute recorded. */
  recomputed(
    episode: Episode,
    mode: Mode,
    interval: { readonly fromMs: number; readonly toMs: number },
  ): StoredRow[] {
    return this.#recomputed
      .all(episode.ruleId, episode.groupKey, mode, interval.fromMs, interval.toMs, '')
      .map(storedRow)
  }

  /**
   * The earliest row of the engine's that the interval overlaps, or that would have reached into it
   * with the late matches that were noted on it before.
   */
  known(
    episode: Episode,
    mode: Mode,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): StoredRow | undefined {
    const { ruleId, groupKey } = episode
    const row = this.#known.get(ruleId, groupKey, mode, fromMs, toMs, fromMs, toMs)
    return row === undefined ? undefined : storedRow(row)
  }

  /** Notes late matches, and the interval that the episode would have had with them. */
  addLateMatches(
    id: string,
    count: number,
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): void {
    this.#addLate.run(count, fromMs, fromMs, toMs, toMs, id)
  }

  insert(episode: Episode, mode: Mode, ruleset: string | null, isRecomputed = false): void {
    this.#insert.run(
      episode.id,
      episode.ruleId,
      ruleset,
      episode.groupKey,
      JSON.stringify(episode.group),
      episode.openedRef,
      mode,
      isRecomputed ? 1 : 0,
      ...changing(episode, false),
    )
  }

  update(episode: Episode, widened: boolean): void {
    this.#update.run(...changing(episode, widened), episode.id)
  }

  /** Its late matches are the survivor's from then on. */
  setMergedInto(id: string, survivorId: string): void {
    this.#merge.run(survivorId, id)
    this.#takeLate.run(id, survivorId)
  }

  /** Gives an episode its current disposition and writes it into its history (I9). */
  dispose(
    id: string,
    next: {
      readonly disposition: Disposition
      readonly incidentId: string | null
      readonly cause: string
      readonly actor: string
    },
    nowMs: number,
  ): void {
    if (this.#dispose.run(next.disposition, next.incidentId, id) === 0) {
      throw new InvariantError(`a disposition was given to the episode ${id}, which is not stored`)
    }
    this.#addHistory.run(id, next.disposition, next.incidentId, next.cause, next.actor, nowMs)
  }

  /** The stored id behind an engine's id; the id itself where it was not adopted. */
  storedId(engineId: string): string {
    return this.#alias.get(this.#shard, engineId)?.stored_id ?? engineId
  }

  setAlias(engineId: string, storedId: string): void {
    this.#setAlias.run(this.#shard, engineId, storedId)
  }

  dropAlias(engineId: string): void {
    this.#dropAlias.run(this.#shard, engineId)
  }
}

function changing(episode: Episode, widened: boolean): SQLInputValue[] {
  return [
    episode.ruleRev,
    episode.firstRef,
    episode.lastRef,
    episode.state,
    episode.startMs,
    episode.endMs,
    episode.matches,
    episode.firings,
    episode.peak,
    episode.value,
    episode.severity,
    JSON.stringify(episode.flags),
    widened ? 1 : 0,
  ]
}

function storedRow(row: EpisodeRow): StoredRow {
  return {
    episode: episodeOf(row),
    mode: row.mode as Mode,
    incidentId: row.incident_id,
    disposition: row.disposition as Disposition | null,
    widened: row.widened === 1,
    mergedInto: row.merged_into,
    recomputed: row.recomputed === 1,
  }
}
