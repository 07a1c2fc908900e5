import { Registry } from 'prom-client'

import type { Clock, Timers } from '../lib/clock.ts'
import type { Report } from '../model/occurrence.ts'
import { createGelfLog } from './gelf-log.ts'
import { createLogger } from './logger.ts'
import type { LogStream } from './logger.ts'
import { registerMetrics } from './metrics.ts'
import type { MetricSources } from './metrics.ts'
import { createTelemetry } from './occurrences.ts'
import type { TelemetrySettings } from './settings.ts'

/** Logs, metrics and the reports that feed both, as the running service uses them. */
export interface OpenTelemetry {
  readonly report: Report
  /** The text of `/metrics`. */
  metrics(): Promise<string>
  /** Adds the gauges whose values other parts know, once those are there. */
  registerMetrics(sources: Omit<MetricSources, 'clock' | 'report'>): void
  /** Writes what is held back. Call last. */
  close(): void
}

/** Opens standard output and, where configured, Graylog as places for the log. */
export function openTelemetry(options: {
  readonly settings: TelemetrySettings
  readonly clock: Clock
  readonly timers: Timers
  readonly log: LogStream
  /** Key of the marker on our own records in Graylog (I12). */
  readonly selfKey: Uint8Array
}): OpenTelemetry {
  const { settings, clock, timers, log, selfKey } = options
  const registry = new Registry()
  const streams: LogStream[] = [log]
  if (settings.graylog !== undefined) {
    const onLost = (reason: string): void => {
      // Not to the stream that just lost one: the counter and standard output say it.
      report({ name: 'telemetry.failed', labels: { part: 'graylog' }, detail: { reason } })
    }
    streams.push(createGelfLog({ ...settings.graylog, key: selfKey, onLost }))
  }
  const logger = createLogger({ level: settings.log_level, streams, clock })
  const { report, close } = createTelemetry({ logger, registry, clock, timers })
  return {
    report,
    close,
    metrics: () => registry.metrics(),
    registerMetrics: (sources) => registerMetrics(registry, { ...sources, clock, report }),
  }
}
