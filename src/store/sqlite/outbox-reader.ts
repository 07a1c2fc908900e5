import { type ExpressionBuilder, type Kysely, sql } from 'kysely'
import type { OutboxReader } from '../../alerting/outbox.ts'
import type { DeliveryState, PendingDelivery } from '../../model/outbox.ts'
import type { Row } from '../rows.ts'
import type { Database } from '../schema.ts'

/**
 * What the sender reads. The state stands in the SQL as a literal, because SQLite uses the partial
 * indexes over pending and dead deliveries only then.
 */
export class SqliteOutboxReader implements OutboxReader {
  readonly #database: Kysely<Database>

  constructor(database: Kysely<Database>) {
    this.#database = database
  }

  async due(
    nowMs: number,
    limit: number,
    except: readonly string[] = [],
  ): Promise<readonly PendingDelivery[]> {
    let rows = this.#database
      .selectFrom('outbox')
      .selectAll()
      .where('state', '=', sql.lit('pending'))
      .where('next_ms', '<=', nowMs)
      .where(isFirstOfItsOrder)
      .orderBy('next_ms')
      .orderBy('seq')
      .limit(limit)
    if (except.length > 0) rows = rows.where('receiver', 'not in', except)
    return (await rows.execute()).map(pendingDelivery)
  }

  async nextDueMs(): Promise<number | null> {
    const row = await this.#database
      .selectFrom('outbox')
      .select('next_ms')
      .where('state', '=', sql.lit('pending'))
      .where(isFirstOfItsOrder)
      .orderBy('next_ms')
      .limit(1)
      .executeTakeFirst()
    return row?.next_ms ?? null
  }

  async backlog(): Promise<
    readonly { receiver: string; pending: number; dead: number; oldestMs: number | null }[]
  > {
    const pending = await this.#database
      .selectFrom('outbox')
      .select([
        'receiver',
        sql<number>`count(*)`.as('n'),
        sql<number>`min(created_ms)`.as('oldest'),
      ])
      .where('state', '=', sql.lit('pending'))
      .groupBy('receiver')
      .execute()
    const dead = await this.#database
      .selectFrom('outbox')
      .select(['receiver', sql<number>`count(*)`.as('n')])
      .where('state', '=', sql.lit('dead'))
      .groupBy('receiver')
      .execute()
    const names = [...new Set([...pending, ...dead].map((row) => row.receiver))].sort()
    return names.map((receiver) => {
      const waiting = pending.find((row) => row.receiver === receiver)
      return {
        receiver,
        pending: waiting?.n ?? 0,
        dead: dead.find((row) => row.receiver === receiver)?.n ?? 0,
        oldestMs: waiting?.oldest ?? null,
      }
    })
  }

  async disabledReceivers(): Promise<readonly string[]> {
    const rows = await this.#database
      .selectFrom('receiver_state')
      .select('receiver')
      .where('disabled_ms', 'is not', null)
      .orderBy('receiver')
      .execute()
    return rows.map((row) => row.receiver)
  }
}

/** P5: nothing of the same receiver and order key before it is still pending. */
function isFirstOfItsOrder(is: ExpressionBuilder<Database, 'outbox'>) {
  return is.not(
    is.exists(
      is
        .selectFrom('outbox as earlier')
        .select('earlier.seq')
        .whereRef('earlier.receiver', '=', 'outbox.receiver')
        .whereRef('earlier.order_key', '=', 'outbox.order_key')
        .whereRef('earlier.sequence', '<', 'outbox.sequence')
        .where('earlier.state', '=', sql.lit('pending')),
    ),
  )
}

function pendingDelivery(row: Row<Database['outbox']>): PendingDelivery {
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
