import type { CoreStats, InputStats, RuleStats } from '../../model/stats.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { PartitionFeed } from './partition-feed.ts'

/** What the page, the API and the metrics say about the core, once a second. */
export function coreStats(core: {
  readonly nowMs: number
  readonly partitions: PartitionTracker
  readonly feeds: ReadonlyMap<string, PartitionFeed>
  readonly evaluated: ReadonlyMap<string, number>
  readonly rules: readonly RuleStats[]
  readonly ruleset: string
  readonly lastNo: number
  readonly queueMax: number
  readonly inputOf: (partition: string) => string
}): CoreStats {
  const inputs: InputStats[] = core.partitions
    .states()
    .filter(({ progress }) => progress !== 'retired')
    .map((state) => {
      const feed = core.feeds.get(state.id)
      const watermark = core.partitions.watermark([state.input], 'event', core.nowMs)
      const isKnown = Number.isFinite(watermark.ms)
      return {
        input: core.inputOf(state.id),
        partition: state.id,
        evaluated: core.evaluated.get(state.id) ?? 0,
        backlog: feed === undefined ? 0 : feed.durableTo - feed.next,
        lastReceivedMs: state.maxReceivedMs,
        watermarkMs: isKnown ? watermark.ms : null,
        watermarkQuality: isKnown ? watermark.quality : null,
      }
    })
  let queued = 0
  for (const feed of core.feeds.values()) queued += feed.rows
  const { nowMs, rules, ruleset, lastNo, queueMax } = core
  return { nowMs, inputs, rules, ruleset, lastNo, queued, queueMax }
}
