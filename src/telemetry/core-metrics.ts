import { Counter, Gauge, type Registry } from 'prom-client'
import type { Clock } from '../lib/clock.ts'
import { logOfPartition } from '../model/slab.ts'
import type { CoreStats, InputStats, RuleStats } from '../model/stats.ts'
import { collected, type Sample } from './collected.ts'

/** Per-rule series: only rules that matched in the last 24 h, at most 500 (design §9). */
const RULE_RECENT_MS = 24 * 3_600_000
const RULES_MAX = 500

interface CoreMetricSources {
  readonly clock: Clock
  readonly stats: () => CoreStats | undefined
}

/** Inputs, queue, input log and rules, from the core's latest figures. */
export function registerCoreMetrics(registry: Registry, sources: CoreMetricSources): void {
  const { stats, clock } = sources
  const core = (name: string, help: string, value: (stats: CoreStats) => number) =>
    collected(Gauge, registry, {
      name,
      help,
      values: () => {
        const now = stats()
        return now === undefined ? [] : [{ labels: {}, value: value(now) }]
      },
    })
  core('tocsin_core_queue_slabs', 'Slabs that wait for the core.', (now) => now.queued)
  core('tocsin_core_queue_max_slabs', 'Most slabs that may wait.', (now) => now.queueMax)
  core('tocsin_core_input_log_entry', 'Number of the last committed entry.', (now) => now.lastNo)
  registerInputMetrics(registry, stats)
  registerLag(registry, stats)
  registerRuleMetrics(registry, { stats, clock })
}

function registerInputMetrics(registry: Registry, stats: CoreMetricSources['stats']): void {
  const perInput = (
    Kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    value: (partitions: readonly InputStats[], nowMs: number) => number | null,
  ) =>
    collected(Kind, registry, {
      name,
      help,
      labels: ['input'],
      values: () => inputs(stats(), value),
    })
  perInput(
    Counter,
    'tocsin_input_evaluated_total',
    'Records evaluated since the process started.',
    (partitions) => sum(partitions.map((each) => each.evaluated)),
  )
  perInput(
    Gauge,
    'tocsin_input_backlog_records',
    'Records accepted and not yet evaluated.',
    (partitions) => sum(partitions.map((each) => each.backlog)),
  )
  perInput(
    Gauge,
    'tocsin_input_lag_seconds',
    'How long ago the last evaluated record was received, while others wait; else 0.',
    inputLagSeconds,
  )
  perInput(
    Gauge,
    'tocsin_input_last_event_timestamp_seconds',
    'When the latest evaluated record was received.',
    (partitions) => seconds(latest(partitions.map((each) => each.lastReceivedMs))),
  )
  perInput(
    Gauge,
    'tocsin_input_watermark_timestamp_seconds',
    'Event time up to which the input is complete: the least of its partitions.',
    (partitions) => seconds(least(partitions.map((each) => each.watermarkMs))),
  )
}

/** Series of partitions: those that lag most (I2). */
const LAGS_MAX = 500

function registerLag(registry: Registry, stats: CoreMetricSources['stats']): void {
  collected(Gauge, registry, {
    name: 'tocsin_kafka_lag_records',
    help: 'Offsets of a partition that are not in the journal yet; the 500 that lag most.',
    labels: ['input', 'topic', 'partition'],
    values: () =>
      (stats()?.inputs ?? [])
        .flatMap(({ input, partition: id, logLag }) => {
          const [topic, , partition] = logOfPartition(id)?.split('/') ?? []
          if (logLag === undefined || topic === undefined || partition === undefined) return []
          return [{ labels: { input, topic, partition }, value: logLag }]
        })
        .toSorted((a, b) => b.value - a.value)
        .slice(0, LAGS_MAX),
  })
}

/** Age of the last evaluated record of the partitions that have a backlog; 0 when none has. */
function inputLagSeconds(partitions: readonly InputStats[], nowMs: number): number | null {
  const behind = partitions.filter((each) => each.backlog > 0)
  if (behind.length === 0) return 0
  const oldestMs = least(behind.map((each) => each.lastReceivedMs))
  return oldestMs === null ? null : Math.max(0, nowMs - oldestMs) / 1_000
}

function registerRuleMetrics(registry: Registry, { stats, clock }: CoreMetricSources): void {
  const recent = () => recentRules(stats()?.rules ?? [], clock())
  collected(Counter, registry, {
    name: 'tocsin_rule_matches_total',
    help: 'Matches since the process started, of rules that matched in the last 24 h.',
    labels: ['rule'],
    values: () => recent().map((rule) => ({ labels: { rule: rule.ruleId }, value: rule.matches })),
  })
  collected(Gauge, registry, {
    name: 'tocsin_rule_open_episodes',
    help: 'Episodes that are open, of rules that matched in the last 24 h.',
    labels: ['rule'],
    values: () =>
      recent().map((rule) => ({ labels: { rule: rule.ruleId }, value: rule.openEpisodes })),
  })
  collected(Gauge, registry, {
    name: 'tocsin_rules_unverified',
    help: 'Rules whose windows may be wrong until they are built anew or confirmed.',
    values: () => {
      const now = stats()
      if (now === undefined) return []
      const unverified = now.rules.filter((rule) => rule.unverified !== undefined)
      return [{ labels: {}, value: unverified.length }]
    },
  })
  collected(Gauge, registry, {
    name: 'tocsin_rules_loaded',
    help: 'Rules of the active rule set.',
    values: () => {
      const now = stats()
      return now === undefined ? [] : [{ labels: {}, value: now.rules.length }]
    },
  })
  collected(Gauge, registry, {
    name: 'tocsin_rules_warming',
    help: 'Rules that may be wrong for now, as records of their inputs are missing.',
    values: () => {
      const now = stats()
      return now === undefined ? [] : [{ labels: {}, value: now.rules.filter(isWarming).length }]
    },
  })
}

function isWarming({ warmingUntilMs }: RuleStats): boolean {
  return warmingUntilMs !== undefined
}

function recentRules(rules: readonly RuleStats[], nowMs: number): readonly RuleStats[] {
  return rules
    .filter((rule) => rule.lastMatchMs !== null && nowMs - rule.lastMatchMs <= RULE_RECENT_MS)
    .sort((a, b) => (b.lastMatchMs ?? 0) - (a.lastMatchMs ?? 0))
    .slice(0, RULES_MAX)
}

function inputs(
  stats: CoreStats | undefined,
  value: (partitions: readonly InputStats[], nowMs: number) => number | null,
): readonly Sample[] {
  if (stats === undefined) return []
  return [...Map.groupBy(stats.inputs, (each) => each.input)].flatMap(([input, partitions]) => {
    const figure = value(partitions, stats.nowMs)
    return figure === null ? [] : [{ labels: { input }, value: figure }]
  })
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function latest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function least(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.min(...known)
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
