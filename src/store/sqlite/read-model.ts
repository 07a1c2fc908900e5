import { type Kysely, sql } from 'kysely'
import type {
  EpisodeQuery,
  GapQuery,
  IncidentCounts,
  IncidentDetail,
  IncidentQuery,
  LedgerRow,
  Page,
  ReadModel,
  StoredDelivery,
  StoredEpisode,
  StoredGap,
} from '../../http/read-model.ts'
import type { Disposition } from '../../model/episode.ts'
import type { Incident, Phase, TimelineEntry, TimelineKind } from '../../model/incident.ts'
import type { DeliveryState } from '../../model/outbox.ts'
import { inputOfPartition } from '../../model/slab.ts'
import { decodeCursor, pageOf, pageSize } from '../cursor.ts'
import { episodeOf, incidentOf, type Row } from '../rows.ts'
import type { Database } from '../schema.ts'

/** Rows of one kind that an incident's page shows; the newest, and the lists give the rest. */
const DETAIL_MAX = 500

const ENDED: readonly Phase[] = ['closed', 'dismissed', 'merged']

/** What the API and the page read, over a connection that cannot write. */
export class SqliteReadModel implements ReadModel {
  readonly #database: Kysely<Database>

  constructor(database: Kysely<Database>) {
    this.#database = database
  }

  async incidents(query: IncidentQuery): Promise<Page<Incident>> {
    const { size, read } = pageSize(query.limit)
    let rows = this.#database
      .selectFrom('incident')
      .selectAll()
      .orderBy('number', 'desc')
      .limit(read)
    if (query.phase !== undefined) rows = rows.where('phase', '=', query.phase)
    if (query.severity !== undefined) rows = rows.where('severity', '=', query.severity)
    if (query.open !== undefined) rows = rows.where('phase', query.open ? 'not in' : 'in', ENDED)
    if (query.cursor !== undefined) rows = rows.where('number', '<', decodeCursor(query.cursor))
    return pageOf(await rows.execute(), size, (row) => row.number, incidentOf)
  }

  async incident(idOrNumber: string): Promise<IncidentDetail | undefined> {
    const number = /^[1-9]\d{0,14}$/.test(idOrNumber) ? Number(idOrNumber) : -1
    // One transaction, so that all parts show the same moment.
    return this.#database.transaction().execute(async (database) => {
      const row = await database
        .selectFrom('incident')
        .selectAll()
        .where((is) => is.or([is('id', '=', idOrNumber), is('number', '=', number)]))
        .executeTakeFirst()
      if (row === undefined) return undefined
      const [timeline, episodes, deliveries] = [
        await timelineOf(database, row.id),
        await episodeRows(database).where('incident_id', '=', row.id).limit(DETAIL_MAX).execute(),
        await deliveryRows(database).where('incident_id', '=', row.id).limit(DETAIL_MAX).execute(),
      ]
      return {
        incident: incidentOf(row),
        timeline,
        episodes: episodes.map(storedEpisode),
        deliveries: deliveries.map(storedDelivery),
        report: row.report === null ? null : (JSON.parse(row.report) as unknown),
      }
    })
  }

  async episodes(query: EpisodeQuery): Promise<Page<StoredEpisode>> {
    const { size, read } = pageSize(query.limit)
    let rows = episodeRows(this.#database).limit(read)
    if (query.ruleId !== undefined) rows = rows.where('rule_id', '=', query.ruleId)
    if (query.incidentId !== undefined) rows = rows.where('incident_id', '=', query.incidentId)
    if (query.disposition !== undefined) rows = rows.where('disposition', '=', query.disposition)
    if (query.cursor !== undefined) rows = rows.where('seq', '<', decodeCursor(query.cursor))
    return pageOf(await rows.execute(), size, (row) => row.seq, storedEpisode)
  }

  async deliveries(query: {
    readonly state?: DeliveryState
    readonly receiver?: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<StoredDelivery>> {
    const { size, read } = pageSize(query.limit)
    let rows = deliveryRows(this.#database).limit(read)
    if (query.state !== undefined) rows = rows.where('state', '=', query.state)
    if (query.receiver !== undefined) rows = rows.where('receiver', '=', query.receiver)
    if (query.cursor !== undefined) rows = rows.where('seq', '<', decodeCursor(query.cursor))
    return pageOf(await rows.execute(), size, (row) => row.seq, storedDelivery)
  }

  async ledger(query: {
    readonly ruleId: string
    readonly limit: number
    readonly cursor?: string
  }): Promise<Page<LedgerRow>> {
    const { size, read } = pageSize(query.limit)
    return this.#database.transaction().execute(async (database) => {
      let hours = database
        .selectFrom('ledger')
        .select('hour_ms')
        .distinct()
        .where('rule_id', '=', query.ruleId)
        .orderBy('hour_ms', 'desc')
        .limit(read)
      if (query.cursor !== undefined) {
        hours = hours.where('hour_ms', '<', hourMsAt(decodeCursor(query.cursor)))
      }
      const { items, next } = pageOf(
        await hours.execute(),
        size,
        ({ hour_ms }) => placeOfHour(hour_ms),
        ({ hour_ms }) => hour_ms,
      )
      if (items.length === 0) return { items: [], next }
      const rows = await database
        .selectFrom('ledger')
        .selectAll()
        .where('rule_id', '=', query.ruleId)
        .where('hour_ms', '<=', items[0]!)
        .where('hour_ms', '>=', items.at(-1)!)
        .orderBy('hour_ms', 'desc')
        .orderBy('class')
        .orderBy('reason')
        .execute()
      return { items: rows.map(ledgerRow), next }
    })
  }

  async gaps(query: GapQuery): Promise<Page<StoredGap>> {
    const { size, read } = pageSize(query.limit)
    let rows = this.#database.selectFrom('gap').selectAll().orderBy('seq', 'desc').limit(read)
    if (query.input !== undefined) {
      // The partition of a socket, or one of those that are read from a log.
      const prefixes = [`${query.input}@`, `${query.input}#`]
      const length = query.input.length + 1
      rows = rows.where(sql<string>`substr("partition", 1, ${length})`, 'in', prefixes)
    }
    if (query.fromMs !== undefined) rows = rows.where(endOf(), '>', query.fromMs)
    if (query.toMs !== undefined) rows = rows.where(beginningOf(), '<', query.toMs)
    if (query.cursor !== undefined) rows = rows.where('seq', '<', decodeCursor(query.cursor))
    return pageOf(await rows.execute(), size, (row) => row.seq, storedGap)
  }

  async counts(): Promise<IncidentCounts> {
    return this.#database.transaction().execute(async (database) => {
      const open = await database
        .selectFrom('incident')
        .select(['severity', 'phase', 'mode', sql<number>`count(*)`.as('count')])
        .where('phase', 'not in', ENDED)
        .groupBy(['severity', 'phase', 'mode'])
        .execute()
      const total = await database
        .selectFrom('incident')
        .select(['severity', 'mode', sql<number>`count(*)`.as('count')])
        .groupBy(['severity', 'mode'])
        .execute()
      return { open: open as IncidentCounts['open'], total: total as IncidentCounts['total'] }
    })
  }
}

/** A hole of the journal has no time of its own: it is where it was found. */
function beginningOf() {
  return sql<number>`coalesce(from_ms, found_ms)`
}

/** One moment reaches to the next millisecond, and what lasts has no end. */
function endOf() {
  return sql<number>`CASE WHEN from_ms IS NULL THEN found_ms + 1
    ELSE coalesce(max(to_ms, from_ms + 1), ${Number.MAX_SAFE_INTEGER}) END`
}

function storedGap(row: Row<Database['gap']>): StoredGap {
  return {
    input: inputOfPartition(row.partition),
    partition: row.partition,
    reason: row.reason as StoredGap['reason'],
    fromMs: row.from_ms ?? row.found_ms,
    toMs: row.from_ms === null ? row.found_ms : row.to_ms,
    records: row.records,
    fromPosition: row.from_position,
    toPosition: row.to_position,
  }
}

function episodeRows(database: Kysely<Database>) {
  return database.selectFrom('episode').selectAll().orderBy('seq', 'desc')
}

function deliveryRows(database: Kysely<Database>) {
  return database.selectFrom('outbox').selectAll().orderBy('seq', 'desc')
}

/** The newest lines, oldest first, as a history reads. */
async function timelineOf(
  database: Kysely<Database>,
  incidentId: string,
): Promise<TimelineEntry[]> {
  const rows = await database
    .selectFrom('timeline')
    .selectAll()
    .where('incident_id', '=', incidentId)
    .orderBy('seq', 'desc')
    .limit(DETAIL_MAX)
    .execute()
  return rows.toReversed().map((row) => ({
    incidentId: row.incident_id,
    atMs: row.at_ms,
    kind: row.kind as TimelineKind,
    actor: row.actor,
    text: row.text,
    ...(row.data === null ? {} : { data: JSON.parse(row.data) as Record<string, unknown> }),
  }))
}

const HOUR_MS = 3_600_000
/** Of the earliest time that a date can hold: a place in a list is never negative. */
const FIRST_HOUR = 8.64e15 / HOUR_MS

function placeOfHour(hourMs: number): number {
  return Math.floor(hourMs / HOUR_MS) + FIRST_HOUR
}

function hourMsAt(place: number): number {
  return (place - FIRST_HOUR) * HOUR_MS
}

function ledgerRow(row: Row<Database['ledger']>): LedgerRow {
  return {
    hourMs: row.hour_ms,
    class: row.class as LedgerRow['class'],
    reason: row.reason === '' ? null : (row.reason as LedgerRow['reason']),
    count: row.n,
  }
}

function storedEpisode(row: Row<Database['episode']>): StoredEpisode {
  return {
    ...episodeOf(row),
    disposition: row.disposition as Disposition | null,
    incidentId: row.incident_id,
    isRecomputed: row.recomputed === 1,
    lateMatches: row.late_matches,
  }
}

function storedDelivery(row: Row<Database['outbox']>): StoredDelivery {
  return {
    id: row.id,
    receiver: row.receiver,
    incidentId: row.incident_id,
    type: row.type,
    sequence: row.sequence,
    state: row.state as DeliveryState,
    attempts: row.attempt,
    createdMs: row.created_ms,
    nextMs: row.next_ms,
    lastStatus: row.last_status,
    lastReason: row.last_reason,
    lastDetail: row.last_detail,
  }
}
