import type { OutboxReader } from '../../src/alerting/outbox.ts'
import type { ReadModel } from '../../src/http/read-model.ts'
import type { CoreStore } from '../../src/model/commit.ts'
import type { SloReader } from '../../src/slo/objective.ts'

/** One empty database and everything that is opened on it, for the contract suites. */
export interface StoreHarness {
  /** Another store on the same database, as another process would open it. */
  open(): Promise<CoreStore>
  readonly readModel: ReadModel
  readonly outbox: OutboxReader
  readonly slo: SloReader
  /** Every row of every table but the migrations' own, in the order of its key. */
  dump(): Promise<Record<string, readonly Record<string, unknown>[]>>
  /** Closes every store that was opened, and removes the database. */
  close(): Promise<void>
}

export type CreateHarness = () => Promise<StoreHarness>
