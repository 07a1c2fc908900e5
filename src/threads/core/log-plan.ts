import type { LogGapReason } from '../../model/commit.ts'
import type { PartitionState } from '../../model/partition.ts'
import { logOfPartition } from '../../model/slab.ts'
import type { LogFound } from '../messages.ts'

/** Where reading of a log goes on. */
export interface LogPlan {
  readonly log: string
  readonly offset: number
}

/** Offsets from … to (exclusive) of a log that nobody can read any more. */
export interface LogGap {
  readonly log: string
  readonly from: number
  readonly to: number
  readonly reason: LogGapReason
}

/**
 * Where reading goes on, and what is missing, given what the logs hold now and how far each was
 * evaluated. Nothing is ever skipped silently, and no offset is asked for that the log has not:
 *
 * | what is known of the log | goes on at | missing |
 * |---|---|---|
 * | nothing, nor of its topic | where the input says | |
 * | nothing, but of its topic (a partition was added, the topic made anew) | its lowest | what lies below that |
 * | evaluated up to `n` within its range | `n` | |
 * | `n` below its lowest (retention, deleted records) | its lowest | `n` … lowest |
 * | `n` above its end (cut off by an unclean leader) | its end | end … `n`, whose offsets come again |
 */
export function planLogs(
  found: readonly LogFound[],
  states: readonly PartitionState[],
): { readonly plans: readonly LogPlan[]; readonly gaps: readonly LogGap[] } {
  const known = new Map<string, number>()
  // The last writer's holds: an opening may have set an offset back.
  for (const { id, offset } of states.toSorted((a, b) => a.epoch - b.epoch)) {
    const log = logOfPartition(id)
    if (log !== undefined && offset !== undefined) known.set(log, offset)
  }
  const topics = new Set([...known.keys()].map(topicOf))
  const plans: LogPlan[] = []
  const gaps: LogGap[] = []
  for (const { log, low, high, start } of found) {
    const at = known.get(log)
    const { offset, gap } =
      at === undefined && !topics.has(topicOf(log))
        ? { offset: Math.min(Math.max(start, low), high), gap: undefined }
        : goOn(at ?? 0, low, high)
    plans.push({ log, offset })
    if (gap !== undefined) gaps.push({ log, ...gap })
  }
  return { plans, gaps: [...gaps, ...recreated(found, states)] }
}

function goOn(
  at: number,
  low: number,
  high: number,
): { readonly offset: number; readonly gap: Omit<LogGap, 'log'> | undefined } {
  if (at < low) return { offset: low, gap: { from: at, to: low, reason: 'retention' } }
  if (at > high) return { offset: high, gap: { from: high, to: at, reason: 'truncated' } }
  return { offset: at, gap: undefined }
}

/** Logs that were read until now, of topics that have another id now. */
function recreated(found: readonly LogFound[], states: readonly PartitionState[]): LogGap[] {
  const topics = new Map(found.map(({ log }) => [topicOf(log), idOf(log)]))
  return states
    .filter(({ progress }) => progress !== 'retired')
    .flatMap(({ id, offset = 0 }) => {
      const log = logOfPartition(id)!
      const now = topics.get(topicOf(log))
      if (now === undefined || now === idOf(log)) return []
      return [{ log, from: offset, to: offset, reason: 'recreated' } as const]
    })
}

/** `topic/id/partition`: a log's name. */
function topicOf(log: string): string {
  return log.split('/')[0]!
}

function idOf(log: string): string {
  return log.split('/')[1] ?? ''
}
