import type { PendingDelivery } from '../model/outbox.ts'

/** What the sender reads; the store implements it. Results go back as reports to the core. */
export interface OutboxReader {
  /**
   * Deliveries that may be tried now, oldest first: pending, due, and the first of their
   * (receiver, order key) that is neither delivered nor dead (P5). Those of the receivers in
   * `except` are left out: they are busy, and their thousands must not hide another's one (P4).
   */
  due(nowMs: number, limit: number, except?: readonly string[]): Promise<readonly PendingDelivery[]>
  /**
   * When the next one that {@link due} would give falls due, `null` when nothing is pending.
   * A time that has passed is allowed (another attempt is under way, say).
   */
  nextDueMs(): Promise<number | null>
  /** For the metrics: pending and dead per receiver, and the oldest pending one's age. */
  backlog(): Promise<
    readonly { receiver: string; pending: number; dead: number; oldestMs: number | null }[]
  >
  disabledReceivers(): Promise<readonly string[]>
}
