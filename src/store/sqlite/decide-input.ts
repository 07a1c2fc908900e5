import type { DatabaseSync } from 'node:sqlite'
import type { CommitRequest, DecideInput, OpenKeyOf, StoredChange } from '../../model/commit.ts'
import type { CommandRequest } from '../../model/command.ts'
import type { Episode } from '../../model/episode.ts'
import type { Incident } from '../../model/incident.ts'
import type { Database } from '../schema.ts'
import { episodeOf, incidentOf, type Row } from '../rows.ts'
import { prepare } from './statement.ts'
import type { Statement } from './statement.ts'

type IncidentRow = Row<Database['incident']>

/** Reads what `decide` may look at, after the episode changes are applied. */
export class DecideInputLoader {
  readonly #concerned
  readonly #absorbing
  readonly #previous
  readonly #firing
  readonly #latest
  readonly #nextNumber

  constructor(database: DatabaseSync) {
    this.#concerned = prepare<IncidentRow>(
      database,
      'SELECT * FROM incident WHERE id IN (SELECT value FROM json_each(?))',
    )
    this.#absorbing = prepare<IncidentRow>(
      database,
      'SELECT * FROM incident WHERE open_key IN (SELECT value FROM json_each(?))',
    )
    this.#previous = prepare<IncidentRow>(
      database,
      `SELECT * FROM incident WHERE dedup_hash = ? AND open_key IS NULL AND phase <> 'merged'
       ORDER BY number DESC LIMIT 1`,
    )
    this.#firing = prepare<{ n: number }>(
      database,
      "SELECT count(*) AS n FROM episode WHERE incident_id = ? AND state = 'open'",
    )
    this.#latest = prepare<Row<Database['episode']>>(
      database,
      'SELECT * FROM episode WHERE incident_id = ? ORDER BY start_ms DESC, id DESC LIMIT 1',
    )
    this.#nextNumber = prepare<{ n: number }>(
      database,
      'SELECT coalesce(max(number), 0) + 1 AS n FROM incident',
    )
  }

  load(
    request: CommitRequest,
    changes: readonly StoredChange[],
    commands: readonly CommandRequest[],
    openKeyOf: OpenKeyOf,
  ): DecideInput {
    const keys = changes.map(({ change }) => openKeyOf(change))
    const named = commands.map(({ command }) => command.incidentId)
    const owners = changes.flatMap(({ incidentId }) => incidentId ?? [])
    const byId = among(this.#concerned, [...named, ...owners])
    const dedupHashes = new Set([
      ...keys.map((key) => key.dedupHash),
      ...byId.map((incident) => incident.dedupHash),
    ])
    // The open key of an incident that absorbs is its dedup hash or its rule's open key.
    const openKeys = [...keys.map((key) => key.openKey), ...dedupHashes]
    const absorbing = among(this.#absorbing, openKeys)
    const distinct = new Map([...byId, ...absorbing].map((found) => [found.id, found]))
    const incidents = [...distinct.values()].sort((a, b) => a.number - b.number)
    const ids = incidents.map((incident) => incident.id)
    return {
      nowMs: request.nowMs,
      changes,
      commands,
      incidents,
      previous: this.#previousOf(dedupHashes),
      firingEpisodes: this.#firingOf(ids),
      latestEpisodes: this.#latestOf(ids),
      nextNumber: this.#nextNumber.get()!.n,
      evidence: request.evidence,
    }
  }

  #previousOf(dedupHashes: Iterable<string>): Map<string, Incident> {
    const previous = new Map<string, Incident>()
    for (const hash of dedupHashes) {
      const row = this.#previous.get(hash)
      if (row !== undefined) previous.set(hash, incidentOf(row))
    }
    return previous
  }

  #firingOf(incidentIds: Iterable<string>): Map<string, number> {
    const firing = new Map<string, number>()
    for (const id of incidentIds) {
      const { n } = this.#firing.get(id)!
      if (n > 0) firing.set(id, n)
    }
    return firing
  }

  #latestOf(incidentIds: Iterable<string>): Map<string, Episode> {
    const latest = new Map<string, Episode>()
    for (const id of incidentIds) {
      const row = this.#latest.get(id)
      if (row !== undefined) latest.set(id, episodeOf(row))
    }
    return latest
  }
}

/** Most commits name no incident at all: then nothing is asked. */
function among(statement: Statement<IncidentRow>, values: readonly string[]): Incident[] {
  if (values.length === 0) return []
  return statement.all(JSON.stringify(values)).map(incidentOf)
}
