import type { DatabaseSync } from 'node:sqlite'
import type { OutboxReader } from '../../alerting/outbox.ts'
import type { DeliveryState, PendingDelivery } from '../../model/outbox.ts'
import type { Row } from '../rows.ts'
import type { Database } from '../schema.ts'
import { prepare } from './statement.ts'

const PENDING = [
  'id',
  'receiver',
  'incident_id',
  'order_key',
  'sequence',
  'type',
  'body',
  'created_ms',
  'state',
  'attempt',
  'next_ms',
] as const

type Pending = Pick<Row<Database['outbox']>, (typeof PENDING)[number]>

/** P5: nothing of the same receiver and order key before it is still pending. */
const IS_FIRST_OF_ITS_ORDER = `NOT EXISTS (
  SELECT 1 FROM outbox AS earlier
  WHERE earlier.receiver = outbox.receiver AND earlier.order_key = outbox.order_key
    AND earlier.sequence < outbox.sequence AND earlier.state = 'pending')`

/**
 * What the sender reads, after every commit and every attempt: prepared once. The state stands in
 * the SQL as a literal, because SQLite uses the partial indexes over pending and dead deliveries
 * only then.
 */
export class SqliteOutboxReader implements OutboxReader {
  readonly #due
  readonly #nextDue
  readonly #pending
  readonly #dead
  readonly #disabled

  constructor(database: DatabaseSync) {
    this.#due = prepare<Pending>(
      database,
      `SELECT ${PENDING.join(', ')} FROM outbox WHERE state = 'pending' AND next_ms <= ?
         AND receiver NOT IN (SELECT value FROM json_each(?)) AND ${IS_FIRST_OF_ITS_ORDER}
       ORDER BY next_ms, seq LIMIT ?`,
    )
    // The bound leads SQLite into the index by time, where the first one that fits ends the search.
    this.#nextDue = prepare<{ next_ms: number }>(
      database,
      `SELECT next_ms FROM outbox WHERE state = 'pending' AND next_ms > 0
         AND ${IS_FIRST_OF_ITS_ORDER} ORDER BY next_ms LIMIT 1`,
    )
    this.#pending = prepare<{ receiver: string; n: number; oldest: number }>(
      database,
      `SELECT receiver, count(*) AS n, min(created_ms) AS oldest FROM outbox
       WHERE state = 'pending' GROUP BY receiver`,
    )
    this.#dead = prepare<{ receiver: string; n: number }>(
      database,
      "SELECT receiver, count(*) AS n FROM outbox WHERE state = 'dead' GROUP BY receiver",
    )
    this.#disabled = prepare<{ receiver: string }>(
      database,
      'SELECT receiver FROM receiver_state WHERE disabled_ms IS NOT NULL ORDER BY receiver',
    )
  }

  async due(
    nowMs: number,
    limit: number,
    except: readonly string[] = [],
  ): Promise<readonly PendingDelivery[]> {
    return this.#due.all(nowMs, JSON.stringify(except), limit).map(pendingDelivery)
  }

  async nextDueMs(): Promise<number | null> {
    return this.#nextDue.get()?.next_ms ?? null
  }

  async backlog(): Promise<
    readonly { receiver: string; pending: number; dead: number; oldestMs: number | null }[]
  > {
    const pending = new Map(this.#pending.all().map((row) => [row.receiver, row]))
    const dead = new Map(this.#dead.all().map((row) => [row.receiver, row.n]))
    const names = [...new Set([...pending.keys(), ...dead.keys()])].sort()
    return names.map((receiver) => ({
      receiver,
      pending: pending.get(receiver)?.n ?? 0,
      dead: dead.get(receiver) ?? 0,
      oldestMs: pending.get(receiver)?.oldest ?? null,
    }))
  }

  async disabledReceivers(): Promise<readonly string[]> {
    return this.#disabled.all().map(({ receiver }) => receiver)
  }
}

function pendingDelivery(row: Pending): PendingDelivery {
  return {
    id: row.id,
    receiver: row.receiver,
    incidentId: row.incident_id,
    orderKey: row.order_key,
    sequence: row.sequence,
    type: row.type,
    body: row.body,
    createdMs: row.created_ms,
    state: row.state as DeliveryState,
    attempt: row.attempt,
    nextMs: row.next_ms ?? row.created_ms,
  }
}
