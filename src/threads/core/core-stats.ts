import { inputOfPartition } from '../../model/slab.ts'
import type { CoreStats, InputStats, RuleStats } from '../../model/stats.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import { WAITING_ROWS_MAX } from './feeds.ts'
import type { Feeds } from './feeds.ts'
import type { InputGaps } from './input-gaps.ts'
import type { SilentInputs } from './silent-inputs.ts'
import type { InputLinks } from './input-links.ts'

/** What the page, the API and the metrics say about the core, once a second. */
export function coreStats(core: {
  readonly nowMs: number
  readonly partitions: PartitionTracker
  readonly feeds: Feeds
  readonly inputGaps: InputGaps
  readonly silentInputs: SilentInputs
  readonly links: InputLinks
  readonly rules: readonly RuleStats[]
  readonly ruleset: string
  readonly lastNo: number
}): CoreStats {
  const { nowMs, partitions, feeds, links, rules, ruleset, lastNo } = core
  const inputs: InputStats[] = partitions
    .states()
    .filter(({ progress }) => progress !== 'retired')
    .map(({ id, input, maxReceivedMs }) => {
      const watermark = partitions.watermark([input], 'event', nowMs)
      const logLag = links.lagOf(id)
      const isKnown = Number.isFinite(watermark.ms)
      return {
        input: inputOfPartition(id),
        partition: id,
        ...feeds.progress(id),
        lastReceivedMs: maxReceivedMs,
        watermarkMs: isKnown ? watermark.ms : null,
        watermarkQuality: isKnown ? watermark.quality : null,
        disconnectedSinceMs: core.inputGaps.disconnectedSinceMs(id),
        silentSinceMs: core.silentInputs.sinceMs(input),
        ...(logLag !== undefined && { logLag }),
      }
    })
  return { nowMs, inputs, rules, ruleset, lastNo, queued: feeds.rows, queueMax: WAITING_ROWS_MAX }
}
