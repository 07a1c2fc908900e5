import type { OutboxReader } from '../../alerting/outbox.ts'
import type { ReadModel } from '../../http/read-model.ts'
import type { SloReader } from '../../slo/objective.ts'
import { kyselyOn, openReader } from './connection.ts'
import { SqliteOutboxReader } from './outbox-reader.ts'
import { SqliteReadModel } from './read-model.ts'
import { SqliteSloReader } from './slo-reader.ts'

/**
 * Opens what everything but the core reads, on one connection that cannot write; from any thread
 * or process while the core commits. The core must have opened the file once: it makes the schema.
 */
export function openSqliteReaders(options: { readonly file: string }): {
  readonly readModel: ReadModel
  readonly outbox: OutboxReader
  readonly slo: SloReader
  readonly close: () => Promise<void>
} {
  const connection = openReader(options.file)
  const database = kyselyOn(connection)
  return {
    readModel: new SqliteReadModel(database),
    outbox: new SqliteOutboxReader(connection),
    slo: new SqliteSloReader(database),
    close: async () => connection.close(),
  }
}
