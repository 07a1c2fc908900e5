import type { OutboxReader } from '../../src/alerting/outbox.ts'
import type { AttemptReport, Delivery, PendingDelivery } from '../../src/model/outbox.ts'

/**
 * An outbox as the contract describes it, in plain sight: what the store's answer is compared
 * with, and what the sender's tests run on. `pause` is awaited before and after each look, so that
 * a test can let other things happen meanwhile.
 */
export class MemoryOutbox implements OutboxReader {
  readonly rows = new Map<string, PendingDelivery>()
  readonly disabled = new Set<string>()
  readonly reports: AttemptReport[] = []
  pause: () => Promise<void> = () => Promise.resolve()

  add(...deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.rows.set(delivery.id, {
        ...delivery,
        state: 'pending',
        attempt: 0,
        nextMs: delivery.createdMs,
      })
    }
  }

  /** What the core's commit does with a report. */
  readonly commit = (report: AttemptReport): void => {
    const row = this.rows.get(report.deliveryId)!
    this.reports.push(report)
    this.rows.set(row.id, {
      ...row,
      attempt: report.attempt,
      state: report.outcome === 'retry' ? 'pending' : report.outcome,
      nextMs: report.nextMs ?? row.nextMs,
    })
    if (report.disablesReceiver) this.disabled.add(report.receiver)
  }

  async due(nowMs: number, limit: number, except: readonly string[] = []) {
    await this.pause()
    const due = this.#heads()
      .filter((row) => row.nextMs <= nowMs && !except.includes(row.receiver))
      .slice(0, limit)
    await this.pause()
    return due
  }

  async nextDueMs(): Promise<number | null> {
    await this.pause()
    const times = this.#heads().map(({ nextMs }) => nextMs)
    return times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b))
  }

  backlog(): Promise<[]> {
    return Promise.reject(new Error('the sender has no business with the backlog'))
  }

  disabledReceivers(): Promise<readonly string[]> {
    return Promise.resolve([...this.disabled])
  }

  states(): Record<string, string> {
    return Object.fromEntries([...this.rows.values()].map(({ id, state }) => [id, state]))
  }

  /** The first of each (receiver, order key) that is pending, oldest first. */
  #heads(): PendingDelivery[] {
    const heads = new Map<string, PendingDelivery>()
    for (const row of this.rows.values()) {
      if (row.state !== 'pending') continue
      const key = JSON.stringify([row.receiver, row.orderKey])
      const head = heads.get(key)
      if (head === undefined || row.sequence < head.sequence) heads.set(key, row)
    }
    return [...heads.values()].sort((a, b) => a.nextMs - b.nextMs || (a.id < b.id ? -1 : 1))
  }
}

export function delivery(receiver: string, incident: string, sequence = 1): Delivery {
  return {
    id: `${receiver}-${incident}-${sequence}`,
    receiver,
    incidentId: incident,
    orderKey: incident,
    sequence,
    type: 'incident.refired',
    body: JSON.stringify({ receiver, incident, sequence }),
    createdMs: 0,
  }
}
