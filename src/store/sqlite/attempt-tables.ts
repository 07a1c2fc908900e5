import type { DatabaseSync } from 'node:sqlite'
import { InvariantError } from '../../model/commit.ts'
import type { AttemptReport, DeliveryState } from '../../model/outbox.ts'
import { prepare } from './statement.ts'

/** What the sender reported: the attempts themselves, and what they make of their deliveries. */
export class AttemptTables {
  readonly #insert
  readonly #state
  readonly #update
  readonly #disable

  constructor(database: DatabaseSync) {
    this.#insert = prepare(
      database,
      `INSERT INTO attempt (delivery_id, attempt, receiver, at_ms, duration_ms, outcome, status,
         reason, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (delivery_id, attempt) DO NOTHING`,
    )
    this.#state = prepare<{ state: DeliveryState }>(
      database,
      'SELECT state FROM outbox WHERE id = ?',
    )
    // A late report of an earlier attempt, or one after the end, changes nothing any more.
    this.#update = prepare(
      database,
      `UPDATE outbox SET state = ?, attempt = ?, next_ms = ?, last_status = ?, last_reason = ?,
         last_detail = ?
       WHERE id = ? AND state = 'pending' AND attempt < ?`,
    )
    this.#disable = prepare(
      database,
      `INSERT INTO receiver_state (receiver, disabled_ms, cause) VALUES (?, ?, ?)
       ON CONFLICT (receiver) DO UPDATE SET disabled_ms = excluded.disabled_ms,
         cause = excluded.cause WHERE receiver_state.disabled_ms IS NULL`,
    )
  }

  write(report: AttemptReport): void {
    if (this.#state.get(report.deliveryId) === undefined) {
      throw new InvariantError(
        `an attempt was reported of the delivery ${report.deliveryId}, which is not stored`,
      )
    }
    this.#insert.run(
      report.deliveryId,
      report.attempt,
      report.receiver,
      report.atMs,
      report.durationMs,
      report.outcome,
      report.status,
      report.reason,
      report.detail,
    )
    const state = report.outcome === 'retry' ? 'pending' : report.outcome
    const nextMs = state === 'pending' ? (report.nextMs ?? report.atMs) : null
    this.#update.run(
      state,
      report.attempt,
      nextMs,
      report.status,
      report.reason,
      report.detail,
      report.deliveryId,
      report.attempt,
    )
    if (report.disablesReceiver) {
      this.#disable.run(report.receiver, report.atMs, report.detail ?? report.reason)
    }
  }
}
