import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { RebuildPass } from '../../model/commit.ts'
import { inputOfPartition, logOfPartition } from '../../model/slab.ts'
import { PartitionTracker } from '../../rules/partition-tracker.ts'
import { reachOf } from '../../rules/rebuild.ts'
import type { Rule } from '../../rules/rule.ts'
import { warmingMs } from '../../rules/warming.ts'
import type { LoadedRules } from './loaded-rules.ts'

/** How far behind the clock a watermark may lie for a rebuild to follow it there. */
const BEHIND_MAX_MS = 3_600_000

/** What a rebuild reads, and which rules it leaves incomplete. */
export interface PlannedRebuild {
  readonly ranges: RebuildPass['ranges']
  /** One past the last record evaluated, of every partition: what is left begins there. */
  readonly upTo: readonly (readonly [partition: string, next: number])[]
  /** Receive time from which on records are read, ms UTC. */
  readonly fromMs: number
  /** Rules that the journal no longer holds everything for, and until when they catch up. */
  readonly warming: readonly { readonly ruleId: string; readonly untilMs: number }[]
}

/**
 * The records that the state of edited rules depends on: of every partition that one of them
 * reads, from the time the rule reaches back to up to what has been evaluated.
 */
export function planRebuild(
  edited: readonly Rule[],
  at: {
    readonly rules: LoadedRules
    readonly partitions: PartitionTracker
    readonly journal: JournalReader
    readonly nowMs: number
  },
): PlannedRebuild {
  const { journal, partitions } = at
  const since = new Map(edited.map((rule) => [rule, sinceMs(rule, at)]))
  const fromMs = Math.min(...since.values())
  const ranges: { partition: string; from: number; to: number }[] = []
  let keptMs = -Infinity
  const held = new Map(journal.partitions().map((each) => [each.partition, each]))
  const forgotten = [...held.values()].filter(({ partition }) => partitions.hasForgotten(partition))
  const evaluated = [
    ...partitions.states(),
    ...forgotten.map(({ partition: id, next, maxReceivedMs: lastReceivedMs }) => {
      return { id, next, lastReceivedMs }
    }),
  ]
  // What lies behind the place to which a log was read was read again by the next writer.
  for (const { partition } of forgotten) {
    if (logOfPartition(partition) !== undefined) held.delete(partition)
  }
  for (const { id, next, lastReceivedMs } of evaluated) {
    if (next === 0 || !edited.some((rule) => readsPartition(rule, id))) continue
    const kept = held.get(id)
    if (kept === undefined) {
      keptMs = Math.max(keptMs, lastReceivedMs + 1)
      continue
    }
    for (const { first, receivedMs } of journal.readSince(id, fromMs)) {
      if (first < next) ranges.push({ partition: id, from: first, to: next })
      // Nothing older is kept of the partition, though something was there.
      if (first > 0 && first === kept.first) keptMs = Math.max(keptMs, receivedMs)
      break
    }
  }
  const warming = edited
    .filter((rule) => since.get(rule)! < keptMs)
    .map((rule) => ({ ruleId: rule.id, untilMs: keptMs + warmingMs(rule) }))
  const upTo = partitions.states().map(({ id, next }) => [id, next] as const)
  return { ranges, upTo, fromMs, warming }
}

function sinceMs(
  rule: Rule,
  {
    rules,
    partitions,
    nowMs,
  }: {
    readonly rules: LoadedRules
    readonly partitions: PartitionTracker
    readonly nowMs: number
  },
): number {
  const names = rule.inputs.length === 0 ? Object.keys(rules.source.inputs) : rule.inputs
  const timings = names.map((name) => rules.timing(name))
  const reorderMs = Math.max(0, ...timings.map((timing) => timing.reorderMs))
  // One that is silent for longer is idle, which the clock entries say.
  const idleMs = Math.max(0, ...timings.map(({ idleAfterMs }) => idleAfterMs))
  // Its timing may be edited as well.
  const timed = new PartitionTracker(partitions.states(), (name) => rules.timing(name))
  const { ms } = timed.watermark(rule.inputs, rule.clock, nowMs)
  const watermarkMs = Math.max(ms, nowMs - reorderMs - idleMs - BEHIND_MAX_MS)
  const belowMs = Math.min(watermarkMs, nowMs - reorderMs)
  return belowMs - Math.max(reachOf(rule, reorderMs), idleMs)
}

/** Whether what arrives in the partition is for the rule. */
export function readsPartition({ inputs }: Rule, partition: string): boolean {
  return inputs.length === 0 || inputs.includes(inputOfPartition(partition))
}
