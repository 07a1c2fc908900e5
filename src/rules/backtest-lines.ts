import type { Effects, LedgerDelta } from '../model/commit.ts'
import type { EpisodeChangeKind } from '../model/episode.ts'
import { groupOf } from '../model/group.ts'
import type { Group } from '../model/group.ts'
import type { Severity } from '../model/severity.ts'
import { parseRecordRef } from '../model/slab.ts'
import { Deadlines } from './windows/deadlines.ts'
import type { FiringSink } from './windows/rule-windows.ts'

/** What `tocsin backtest --json` prints, a line each (design §9). Times in ms UTC. */
export type BacktestLine = FiringLine | EpisodeLine | SummaryLine

export interface FiringLine {
  readonly type: 'firing'
  readonly rule: string
  readonly group: Group
  readonly at: number
  /** Index of the event in the file, from 0; of the journal, its position in the partition. */
  readonly event: number
  /** Of the journal. */
  readonly partition?: string
  /** As finally counted. */
  readonly value: number
}

export interface EpisodeLine {
  readonly type: 'episode'
  readonly change: Exclude<EpisodeChangeKind, 'changed'>
  readonly rule: string
  readonly group: Group
  readonly start: number
  readonly end: number
  readonly matches: number
  readonly firings: number
  readonly peak: number
  readonly severity: Severity
  /** What rules that wait for evidence conclude; `null` for those that count what is there. */
  readonly verdict: null
  /** Start of the survivor, for `merged`. */
  readonly into?: number
}

export interface SummaryLine {
  readonly type: 'summary'
  readonly events: number
  /** Pairs of event and rule, also those that came too late to count. */
  readonly matches: number
  readonly firings: number
  /** Settled ones. */
  readonly episodes: number
  /** Matches that did not count, by reason. */
  readonly skipped: Readonly<Record<string, number>>
}

/** Turns what an engine says over one input log into the lines of a backtest. */
export class BacktestLines {
  readonly #onLine: (line: BacktestLine) => void
  readonly #namesPartition: boolean
  readonly #firings = new SettledFirings()
  readonly #episodes = new EpisodeLines()

  /** `namesPartition`: events come from several partitions, and firings say from which. */
  constructor(onLine: (line: BacktestLine) => void, options: { readonly namesPartition: boolean }) {
    this.#onLine = onLine
    this.#namesPartition = options.namesPartition
  }

  /** For the engine. */
  readonly onFiring: FiringSink = (firing) => this.#firings.add(firing, this.#namesPartition)

  tell(effects: Effects): void {
    for (const line of this.#episodes.of(effects)) this.#onLine(line)
  }

  /** Tells the firings before `finalMs`, which no event can change any more. */
  release(finalMs: number): void {
    for (const line of this.#firings.release(finalMs)) this.#onLine(line)
  }

  /** Tells every firing that is left, and the sum. */
  finish(counts: { readonly events: number; readonly matches: number }): void {
    this.release(Infinity)
    const { events, matches } = counts
    const { settled: episodes, skipped } = this.#episodes
    const firings = this.#firings.count
    this.#onLine({ type: 'summary', events, matches, firings, episodes, skipped })
  }
}

interface Pending {
  readonly key: string
  readonly line: Omit<FiringLine, 'value'>
  value: number
  dueMs: number
}

/** Keeps firings until no admitted event can raise their value, then gives them out in order. */
class SettledFirings {
  /** Released so far. */
  count = 0
  readonly #pending = new Map<string, Pending>()
  readonly #byTime = new Deadlines<Pending>()

  add({ rule, group, ref, atMs, value }: Parameters<FiringSink>[0], namesPartition: boolean): void {
    const key = `${rule.id} ${ref}`
    const pending = this.#pending.get(key)
    if (pending !== undefined) {
      pending.value = value
      return
    }
    const { partition, position } = parseRecordRef(ref)!
    const fields = { rule: rule.id, group: groupOf(rule.groupBy, group), at: atMs, event: position }
    const line = { type: 'firing', ...fields, ...(namesPartition ? { partition } : {}) } as const
    const added: Pending = { key, line, value, dueMs: Infinity }
    this.#pending.set(key, added)
    this.#byTime.schedule(added, atMs)
  }

  *release(finalMs: number): Generator<FiringLine> {
    const ready: Pending[] = []
    for (
      let pending = this.#byTime.take(finalMs);
      pending !== undefined;
      pending = this.#byTime.take(finalMs)
    ) {
      ready.push(pending)
    }
    ready.sort(({ line: a }, { line: b }) => a.at - b.at || byPlace(a, b))
    for (const { key, line, value } of ready) {
      this.#pending.delete(key)
      this.count++
      yield { ...line, value }
    }
  }
}

type Place = Pick<FiringLine, 'partition' | 'event'>

function byPlace(a: Place, b: Place): number {
  if (a.partition === b.partition) return a.event - b.event
  return (a.partition ?? '') < (b.partition ?? '') ? -1 : 1
}

/** Turns effects into lines and adds up what the summary says. */
class EpisodeLines {
  settled = 0
  readonly skipped: Record<string, number> = {}
  /** Of unsettled episodes, for `into`. */
  readonly #starts = new Map<string, number>()

  #count(delta: LedgerDelta): void {
    if (delta.reason === null) return
    this.skipped[delta.reason] = (this.skipped[delta.reason] ?? 0) + delta.count
  }

  *of(effects: Effects): Generator<EpisodeLine> {
    for (const delta of effects.ledger) this.#count(delta)
    for (const { change, episode, into } of effects.episodes) {
      const { id, ruleId, group, startMs, endMs, matches, firings, peak, severity } = episode
      this.#starts.set(id, startMs)
      if (change === 'settled') this.settled++
      const survivor = into === undefined ? undefined : this.#starts.get(into)
      if (change === 'settled' || change === 'merged') this.#starts.delete(id)
      if (change === 'changed') continue
      yield {
        type: 'episode',
        change,
        rule: ruleId,
        group,
        start: startMs,
        end: endMs,
        matches,
        firings,
        peak,
        severity,
        verdict: null,
        ...(survivor === undefined ? {} : { into: survivor }),
      }
    }
  }
}
