import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import type { Clock } from '../lib/clock.ts'
import type { Report } from '../model/occurrence.ts'
import type { CoreStats } from '../model/stats.ts'
import { registerCoreMetrics } from './core-metrics.ts'
import { registerIncidentMetrics, type IncidentMetricSources } from './incident-metrics.ts'
import { collected } from './collected.ts'

/** Where the gauges get their values, asked at each scrape. */
export interface MetricSources extends IncidentMetricSources {
  readonly clock: Clock
  readonly report: Report
  /** The latest figures of the core; `undefined` before the first. */
  readonly stats: () => CoreStats | undefined
  readonly config: () => ConfigStatus
  readonly version: string
}

/** What is active, and how the last reload went. */
interface ConfigStatus {
  /** Hexadecimal hash over configuration and rules: replicas can be compared by it. */
  readonly hash: string
  readonly lastReloadOk: boolean
  /** `null` before the first reload. */
  readonly lastReloadMs: number | null
}

/**
 * Registers every gauge of `/metrics` (names of incidents-slo.md §3.5, prefix `tocsin_`) and the
 * process's own figures. Label values are names from the configuration and words of closed
 * sets, never text of events (I10, M1).
 */
export function registerMetrics(registry: Registry, sources: MetricSources): void {
  registerProcessMetrics(registry)
  registerCoreMetrics(registry, sources)
  registerIncidentMetrics(registry, sources)
  registerConfigMetrics(registry, sources)
}

function registerConfigMetrics(registry: Registry, { config, version }: MetricSources): void {
  const build = new Gauge({
    name: 'tocsin_build_info',
    help: 'Always 1; the version is the label.',
    labelNames: ['version'],
    registers: [registry],
  })
  build.set({ version }, 1)
  collected(Gauge, registry, {
    name: 'tocsin_config_hash',
    help: 'First 48 bits of the hash over configuration and rules: equal where they are equal.',
    values: () => [{ labels: {}, value: Number.parseInt(config().hash.slice(0, 12), 16) }],
  })
  collected(Gauge, registry, {
    name: 'tocsin_config_last_reload_successful',
    help: 'Whether the last reload was taken: 1 or 0.',
    values: () => [{ labels: {}, value: config().lastReloadOk ? 1 : 0 }],
  })
  collected(Gauge, registry, {
    name: 'tocsin_config_last_reload_timestamp_seconds',
    help: 'When the configuration or the rules were last reloaded.',
    values: () => {
      const atMs = config().lastReloadMs
      return atMs === null ? [] : [{ labels: {}, value: atMs / 1_000 }]
    },
  })
}

/** prom-client's own set without three gauges whose names claim to be counters (`_total`). */
function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const kind of ['handles', 'requests', 'resources']) {
    registry.removeSingleMetric(`nodejs_active_${kind}_total`)
  }
}
