import { type Kysely, sql } from 'kysely'
import type { SloReader } from '../../slo/objective.ts'
import type { Database } from '../schema.ts'

/** SLO counts over all groups; what a drill or a shadow counted is never among them. */
export class SqliteSloReader implements SloReader {
  readonly #database: Kysely<Database>

  constructor(database: Kysely<Database>) {
    this.#database = database
  }

  async totals(): Promise<readonly { slo: string; total: number; bad: number }[]> {
    return this.#database
      .selectFrom('slo_total')
      .select(['slo', sql<number>`sum(total)`.as('total'), sql<number>`sum(bad)`.as('bad')])
      .where('mode', '=', 'real')
      .groupBy('slo')
      .orderBy('slo')
      .execute()
  }

  async window(slo: string, fromMs: number, toMs: number): Promise<{ total: number; bad: number }> {
    return this.#database
      .selectFrom('slo_minute')
      .select([
        sql<number>`coalesce(sum(total), 0)`.as('total'),
        sql<number>`coalesce(sum(bad), 0)`.as('bad'),
      ])
      .where('slo', '=', slo)
      .where('mode', '=', 'real')
      .where('minute_ms', '>=', fromMs)
      .where('minute_ms', '<', toMs)
      .executeTakeFirstOrThrow()
  }

  async latestMinute(slo: string): Promise<number | null> {
    const row = await this.#database
      .selectFrom('slo_minute')
      .select('minute_ms')
      .where('slo', '=', slo)
      .where('mode', '=', 'real')
      .orderBy('minute_ms', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row?.minute_ms ?? null
  }
}
