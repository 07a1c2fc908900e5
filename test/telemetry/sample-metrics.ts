import { Registry } from 'prom-client'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { OccurrenceName } from '../../src/model/occurrence.ts'
import type { CoreStats } from '../../src/model/stats.ts'
import { registerMetrics, type MetricSources } from '../../src/telemetry/metrics.ts'
import { OCCURRENCES } from '../../src/telemetry/occurrence-table.ts'
import { createTelemetry } from '../../src/telemetry/occurrences.ts'
import type { SloFigures } from '../../src/telemetry/slo-exposition.ts'
import { capturedLog } from './captured-log.ts'

export const NOW_MS = Date.UTC(2026, 10, 24, 10, 35)

export function sampleStats(change: Partial<CoreStats> = {}): CoreStats {
  return {
    nowMs: NOW_MS,
    inputs: [
      input('payments', 'payments/1', { evaluated: 100, lastReceivedMs: NOW_MS - 500 }),
      input('payments', 'payments/2', {
        evaluated: 50,
        backlog: 7,
        lastReceivedMs: NOW_MS - 12_000,
        watermarkMs: NOW_MS - 20_000,
      }),
      input('idp', 'idp/1', {}),
    ],
    rules: [
      rule('checkout-5xx', { matches: 61, lastMatchMs: NOW_MS - 10_000, openEpisodes: 1 }),
      rule('long-ago', { matches: 5, lastMatchMs: NOW_MS - 25 * 3_600_000 }),
      rule('never', {}),
    ],
    ruleset: 'abc',
    lastNo: 99,
    queued: 3,
    queueMax: 64,
    ...change,
  }
}

export function input(
  name: string,
  partition: string,
  change: Partial<CoreStats['inputs'][number]>,
): CoreStats['inputs'][number] {
  return {
    input: name,
    partition,
    evaluated: 0,
    backlog: 0,
    lastReceivedMs: null,
    watermarkMs: null,
    watermarkQuality: null,
    disconnectedSinceMs: null,
    silentSinceMs: null,
    ...change,
  }
}

export function rule(
  ruleId: string,
  change: Partial<CoreStats['rules'][number]>,
): CoreStats['rules'][number] {
  return {
    ruleId,
    matches: 0,
    lastMatchMs: null,
    groups: 0,
    openEpisodes: 0,
    capHits: 0,
    ...change,
  }
}

/** Everything `/metrics` can hold, with every occurrence counted once. */
export function sampleMetrics(change: Partial<MetricSources> = {}) {
  const clock = new ManualClock(NOW_MS)
  const registry = new Registry()
  const { logger, records } = capturedLog(clock.now)
  const { report } = createTelemetry({ logger, registry, clock: clock.now })
  registerMetrics(registry, {
    clock: clock.now,
    report,
    stats: () => sampleStats(),
    config: () => ({ hash: 'ab12cd34ef567890', lastReloadOk: true, lastReloadMs: NOW_MS }),
    incidents: async () => ({
      open: [
        { severity: 'high', phase: 'identification', mode: 'real', count: 2 },
        { severity: 'low', phase: 'recovery', mode: 'shadow', count: 1 },
      ],
      total: [{ severity: 'high', mode: 'real', count: 17 }],
    }),
    outbox: async () => [
      { receiver: 'soc', pending: 2, dead: 1, oldestMs: NOW_MS - 90_000 },
      { receiver: 'chat', pending: 0, dead: 0, oldestMs: null },
    ],
    version: '0.1.0',
    ...change,
  })
  return { registry, report, records, clock }
}

/** Reports every occurrence of the table once, with every label its metrics take. */
export function reportEverything(report: ReturnType<typeof sampleMetrics>['report']): void {
  for (const name of Object.keys(OCCURRENCES) as OccurrenceName[]) {
    const labels = OCCURRENCES[name].counts.flatMap((counting) => counting.metric.labels)
    report({ name, labels: Object.fromEntries(labels.map((label) => [label, 'delivered'])) })
  }
}

export function sampleSlo(change: Partial<SloFigures> = {}): SloFigures {
  return {
    slo: 'checkout-availability',
    service: 'checkout',
    target: 0.999,
    window: '30d',
    totals: { good: 976, bad: 41 },
    sli: 976 / 1_017,
    budgetRemaining: -39.3,
    burnRates: [
      { window: '5m', rate: 40.3 },
      { window: '1h', rate: null },
    ],
    ...change,
  }
}
