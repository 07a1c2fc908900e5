import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { CommandRequest, CommandResult } from '../../model/command.ts'
import { type Decision, InvariantError } from '../../model/commit.ts'
import type { Incident } from '../../model/incident.ts'
import { marks, prepare } from './statement.ts'

const CHANGING = [
  'open_key',
  'title',
  'labels',
  'severity',
  'signal',
  'phase',
  'cycle',
  'procedure',
  'signals_clear_ms',
  'acknowledged_ms',
  'acknowledged_by',
  'closed_ms',
  'dismissal',
  'recurrence_of',
  'sequence',
  'version',
] as const
const FIXED = [
  'id',
  'number',
  'dedup_hash',
  'mode',
  'rule_id',
  'group_json',
  'opened_ms',
  'first_event_ms',
] as const

/** Writes what `decide` answered; dispositions belong to the episode table. */
export class DecisionTables {
  readonly #shard: string
  readonly #insert
  readonly #update
  readonly #report
  readonly #timeline
  readonly #outbox
  readonly #command
  readonly #stored

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    const columns = [...FIXED, ...CHANGING]
    this.#insert = prepare(
      database,
      `INSERT INTO incident (${columns.join(', ')}) VALUES (${marks(columns)})`,
    )
    this.#update = prepare(
      database,
      `UPDATE incident SET ${CHANGING.map((name) => `${name} = ?`).join(', ')}
       WHERE id = ? AND version = ?`,
    )
    this.#report = prepare(
      database,
      'UPDATE incident SET report = ? WHERE id = ? AND report IS NULL',
    )
    this.#timeline = prepare(
      database,
      `INSERT INTO timeline (incident_id, at_ms, kind, actor, text, data)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    // A delivery keeps its id over replays (I11): the same one is never queued twice.
    this.#outbox = prepare(
      database,
      `INSERT INTO outbox (id, receiver, incident_id, order_key, sequence, type, body, created_ms,
         state, attempt, next_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?) ON CONFLICT (id) DO NOTHING`,
    )
    this.#command = prepare(
      database,
      `INSERT INTO command (id, shard, no, ordinal, actor, incident_id, body, expected_version,
         result, now_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#stored = prepare<{ result: string }>(database, 'SELECT result FROM command WHERE id = ?')
  }

  /** The result of a command that was applied before. */
  storedResult(id: string): CommandResult | undefined {
    const row = this.#stored.get(id)
    return row === undefined ? undefined : (JSON.parse(row.result) as CommandResult)
  }

  write(decision: Decision): void {
    for (const incident of decision.incidents) this.#writeIncident(incident)
    for (const { type, incident, report } of decision.events) {
      if (type !== 'incident.identification.started') continue
      this.#report.run(JSON.stringify(report), incident.id)
    }
    for (const { incidentId, atMs, kind, actor, text, data } of decision.timeline) {
      const json = data === undefined ? null : JSON.stringify(data)
      this.#timeline.run(incidentId, atMs, kind, actor, text, json)
    }
    for (const delivery of decision.deliveries) {
      this.#outbox.run(
        delivery.id,
        delivery.receiver,
        delivery.incidentId,
        delivery.orderKey,
        delivery.sequence,
        delivery.type,
        delivery.body,
        delivery.createdMs,
        delivery.createdMs,
      )
    }
  }

  /** Keeps the commands with the entry that applied them; each must have been answered. */
  writeCommands(
    commands: readonly CommandRequest[],
    results: readonly CommandResult[],
    at: { readonly no: number; readonly nowMs: number },
  ): void {
    const byId = new Map(results.map((result) => [result.id, result]))
    for (const [ordinal, request] of commands.entries()) {
      const result = byId.get(request.id)
      if (result === undefined) {
        throw new InvariantError(`the command ${request.id} was not answered by the decision`)
      }
      this.#command.run(
        request.id,
        this.#shard,
        at.no,
        ordinal,
        request.actor,
        request.command.incidentId,
        JSON.stringify(request.command),
        request.expectedVersion ?? null,
        JSON.stringify(result),
        at.nowMs,
      )
    }
  }

  #writeIncident(incident: Incident): void {
    if (incident.version === 1) {
      this.#insert.run(
        incident.id,
        incident.number,
        incident.dedupHash,
        incident.mode,
        incident.ruleId,
        JSON.stringify(incident.group),
        incident.openedMs,
        incident.firstEventMs,
        ...changing(incident),
      )
      return
    }
    if (this.#update.run(...changing(incident), incident.id, incident.version - 1) === 1) return
    throw new InvariantError(
      `the incident ${incident.id} is not stored as version ${incident.version - 1}, ` +
        `so it cannot become version ${incident.version}`,
    )
  }
}

function changing(incident: Incident): SQLInputValue[] {
  return [
    incident.openKey,
    incident.title,
    JSON.stringify(incident.labels),
    incident.severity,
    incident.signal,
    incident.phase,
    incident.cycle,
    incident.procedure,
    incident.signalsClearMs,
    incident.acknowledgedMs,
    incident.acknowledgedBy,
    incident.closedMs,
    incident.dismissal,
    incident.recurrenceOf,
    incident.sequence,
    incident.version,
  ]
}
