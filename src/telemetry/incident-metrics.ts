import { Counter, Gauge, type Registry } from 'prom-client'
import type { Clock } from '../lib/clock.ts'
import type { Report } from '../model/occurrence.ts'
import { collected, type Sample } from './collected.ts'

/** Incidents by what they are counted by; the API's `IncidentCounts` fits. */
interface IncidentFigures {
  readonly open: readonly { severity: string; phase: string; mode: string; count: number }[]
  readonly total: readonly { severity: string; mode: string; count: number }[]
}

/** One receiver's outbox; the outbox reader's `backlog()` fits. */
interface BacklogFigures {
  readonly receiver: string
  readonly pending: number
  readonly dead: number
  /** When the oldest pending one was created; `null` when none is pending. */
  readonly oldestMs: number | null
}

export interface IncidentMetricSources {
  readonly clock: Clock
  readonly report: Report
  readonly incidents: () => Promise<IncidentFigures>
  readonly outbox: () => Promise<readonly BacklogFigures[]>
}

/** Incidents and deliveries, read from the database at each scrape: right after a restart too. */
export function registerIncidentMetrics(registry: Registry, sources: IncidentMetricSources): void {
  const { clock, report } = sources
  const incidents = once(() => sources.incidents(), 'incidents', report)
  const outbox = once(() => sources.outbox(), 'outbox', report)

  collected(Gauge, registry, {
    name: 'tocsin_incidents_open',
    help: 'Incidents that are not closed, dismissed or merged.',
    labels: ['severity', 'phase', 'mode'],
    values: async () => ((await incidents())?.open ?? []).map(counted),
  })
  collected(Counter, registry, {
    name: 'tocsin_incidents_total',
    help: 'Incidents ever opened.',
    labels: ['severity', 'mode'],
    values: async () => ((await incidents())?.total ?? []).map(counted),
  })
  const perReceiver = (
    name: string,
    help: string,
    value: (backlog: BacklogFigures) => number,
  ): void =>
    collected(Gauge, registry, {
      name,
      help,
      labels: ['receiver'],
      values: async () =>
        ((await outbox()) ?? []).map((each) => ({
          labels: { receiver: each.receiver },
          value: value(each),
        })),
    })
  perReceiver('tocsin_webhook_pending', 'Deliveries still to be made.', (each) => each.pending)
  perReceiver('tocsin_webhook_dlq_size', 'Deliveries given up and kept.', (each) => each.dead)
  perReceiver(
    'tocsin_webhook_oldest_pending_seconds',
    'Age of the oldest delivery still to be made; 0 when there is none.',
    (each) => (each.oldestMs === null ? 0 : Math.max(0, clock() - each.oldestMs) / 1_000),
  )
}

function counted(figure: { readonly severity: string; readonly count: number }): Sample {
  const { count, ...labels } = figure
  return { labels, value: count }
}

/**
 * Shares one read among the metrics of one scrape. A source that fails leaves its metrics out
 * and is reported: the rest of the page must not fail with it.
 */
function once<T>(
  read: () => Promise<T>,
  part: string,
  report: Report,
): () => Promise<T | undefined> {
  let running: Promise<T | undefined> | undefined
  return () => {
    running ??= read()
      .catch((error: unknown) => {
        report({ name: 'telemetry.failed', labels: { part }, detail: { error } })
        return undefined
      })
      .finally(() => {
        running = undefined
      })
    return running
  }
}
