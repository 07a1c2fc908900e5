import { Counter, type Registry } from 'prom-client'
import type { Clock, Timers } from '../lib/clock.ts'
import type { Occurrence, Report } from '../model/occurrence.ts'
import type { Logger, LogLevel } from './logger.ts'
import { OCCURRENCES, occurrenceMetrics, type Counting } from './occurrence-table.ts'
import { RepeatedLines } from './repeated-lines.ts'

/** All series of the occurrence counters together (M1); more are counted under `other`. */
const SERIES_MAX = 2_000
const LABEL_VALUE_MAX = 128

export interface Telemetry {
  readonly report: Report
  readonly registry: Registry
  /** Writes what the rate limit still holds back. Call last. */
  readonly close: () => void
}

/**
 * Turns occurrences into one log line and one metric each, by the table. Warnings and errors
 * that repeat are written once per minute and (name, labels), with how many were held back (M2).
 */
export function createTelemetry(options: {
  readonly logger: Logger
  readonly registry: Registry
  readonly clock: Clock
  /** Writes held-back counts although nothing more happens; without it only `close` does. */
  readonly timers?: Timers
}): Telemetry {
  const { logger, registry, clock } = options
  const counters = new OccurrenceCounters(registry)
  const lines = new RepeatedLines((occurrence, level, held) =>
    write(logger, occurrence, level, held),
  )
  const stopSweep = options.timers?.every(SWEEP_MS, () => lines.sweep(clock()))
  return {
    registry,
    report(occurrence) {
      const entry = OCCURRENCES[occurrence.name]
      for (const counting of entry.counts) counters.count(counting, occurrence)
      const level = typeof entry.level === 'function' ? entry.level(occurrence) : entry.level
      if (level === 'count') return
      if (level === 'warn' || level === 'error') lines.add(occurrence, level, clock())
      else write(logger, occurrence, level, 0)
    },
    close() {
      stopSweep?.()
      lines.flush()
    },
  }
}

const SWEEP_MS = 10_000

function write(logger: Logger, occurrence: Occurrence, level: LogLevel, held: number): void {
  const { name, labels, detail, count } = occurrence
  const facts = { ...detail, ...labels }
  const sentence = OCCURRENCES[name].sentence
    .replaceAll(/\{(\w+)\}/g, (_, key: string) => textOf(facts[key]))
    .trimEnd()
  logger.log(level, sentence, {
    occurrence: name,
    ...facts,
    ...(count === undefined || count === 1 ? {} : { count }),
    ...(held > 0 ? { held_back: held } : {}),
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** The table's counters, with the number of series bounded whatever the labels are (I2, M1). */
class OccurrenceCounters {
  readonly #counters = new Map<string, Counter>()
  readonly #series = new Set<string>()
  readonly #folded: Counter

  constructor(registry: Registry) {
    for (const { name, help, labels } of occurrenceMetrics()) {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] })
      this.#counters.set(name, counter)
    }
    this.#folded = new Counter({
      name: 'tocsin_metric_series_folded_total',
      help: 'Occurrences counted under the label "other" because there were too many series.',
      registers: [registry],
    })
  }

  count(counting: Counting, occurrence: Occurrence): void {
    if (counting.when?.(occurrence) === false) return
    const { metric, fixed } = counting
    const labels: Record<string, string> = {}
    for (const name of metric.labels) {
      const value = fixed?.[name] ?? occurrence.labels?.[name] ?? ''
      labels[name] = value.slice(0, LABEL_VALUE_MAX)
    }
    this.#counters.get(metric.name)?.inc(this.#bounded(metric.name, labels), occurrence.count ?? 1)
  }

  #bounded(metric: string, labels: Record<string, string>): Record<string, string> {
    const series = JSON.stringify([metric, labels])
    if (this.#series.has(series)) return labels
    if (this.#series.size < SERIES_MAX) {
      this.#series.add(series)
      return labels
    }
    this.#folded.inc()
    return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']))
  }
}
