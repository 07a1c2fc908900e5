import type { Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { firstTables } from './001-first-tables.ts'
import { checkpoints } from './002-checkpoints.ts'
import { rulesetOrigin } from './003-ruleset-origin.ts'
import { keptLog } from './004-kept-log.ts'
import { droppedRecords } from './005-dropped-records.ts'
import { recomputes } from './006-recomputes.ts'
import { unverifiedRules } from './007-unverified-rules.ts'
import { logOffset } from './008-log-offset.ts'
import { listened } from './009-listened.ts'
import type { Dialect } from './column-types.ts'

/** Brings a database to the newest schema; throws what stopped it. */
export async function migrate(database: Kysely<never>, dialect: Dialect): Promise<void> {
  const migrations: Record<string, Migration> = {
    '001-first-tables': firstTables(dialect),
    '002-checkpoints': checkpoints(dialect),
    '003-ruleset-origin': rulesetOrigin(dialect),
    '004-kept-log': keptLog(dialect),
    '005-dropped-records': droppedRecords(dialect),
    '006-recomputes': recomputes(dialect),
    '007-unverified-rules': unverifiedRules(dialect),
    '008-log-offset': logOffset(dialect),
    '009-listened': listened(dialect),
  }
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error === undefined) return
  const failed = results?.find((result) => result.status === 'Error')?.migrationName
  throw new Error(`the database could not be brought to the newest schema: ${failed ?? 'start'}`, {
    cause: error,
  })
}
