import type { Firing } from './episodes.ts'
import { GroupWindows } from './group-windows.ts'
import type { Arrival } from './rule-windows.ts'

/** Rule type `match`: every admitted match is a firing of value 1; only episodes are kept. */
export class MatchWindows extends GroupWindows {
  add(arrival: Arrival): void {
    const { rule, ledger, onFiring, context, clock } = this.options
    const id = this.groupOf(arrival)
    if (id < 0) return
    const extra = this.ensureExtra(id, arrival.group)
    ledger.count('episode', arrival.timeMs)
    const { timeMs, hashHigh, hashLow, partition, position } = arrival
    const firing: Firing = {
      timeMs,
      hashHigh,
      hashLow,
      partition,
      position,
      value: 1,
      isNew: true,
      earliestPartition: partition,
      earliestPosition: position,
    }
    const episode = this.episodes.onFiring(extra, firing, { watermarkMs: clock.watermarkMs })
    episode.matches++
    if (timeMs - rule.quietMs <= extra.cappedMs) episode.flags.add('capped')
    this.schedule(id)
    onFiring?.({
      rule,
      group: arrival.group,
      ref: context.names.ref(arrival),
      atMs: timeMs,
      value: 1,
    })
  }

  protected readRule(): boolean {
    return false
  }

  protected get reachMs(): number {
    return this.options.rule.quietMs
  }

  protected hasRecords(): boolean {
    return false
  }

  protected forget(): void {
    // Nothing but episodes is kept.
  }

  protected dropRecords(): void {
    // Each was counted when it came.
  }

  protected latestMs(id: number): number {
    return Math.max(...this.episodesOf(id).map(({ endMs }) => endMs))
  }

  protected recordsDueMs(): number {
    return Infinity
  }

  protected usePartitions(): void {
    // Its episodes name theirs.
  }

  protected writeRecords(): void {
    // There are none.
  }

  protected readRecords(): void {
    // There are none.
  }
}
