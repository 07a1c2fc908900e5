import type { Effects, LedgerDelta } from '../model/commit.ts'
import type { EpisodeChangeKind } from '../model/episode.ts'
import type { EventView } from '../model/event.ts'
import { groupOf } from '../model/group.ts'
import type { Group } from '../model/group.ts'
import type { Severity } from '../model/severity.ts'
import { parseRecordRef } from '../model/slab.ts'
import { EventStream } from './event-stream.ts'
import type { Matcher } from './matching/matcher.ts'
import type { CompiledRuleset } from './rule.ts'
import { Deadlines } from './windows/deadlines.ts'
import type { FiringSink } from './windows/rule-windows.ts'

/** What `tocsin backtest --json` prints, a line each (design §9). Times in ms UTC. */
export type BacktestLine =
  | {
      readonly type: 'firing'
      readonly rule: string
      readonly group: Group
      readonly at: number
      /** Index of the event in the file, from 0. */
      readonly event: number
      /** As finally counted. */
      readonly value: number
    }
  | {
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
  | {
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

/** How many events pass between two looks for firings that have become final. */
const RELEASE_EVERY = 1_024

export interface BacktestOptions {
  readonly ruleset: CompiledRuleset
  readonly matcherFor: (ruleset: CompiledRuleset) => Matcher
  readonly reorderMs: number
  readonly onLine: (line: BacktestLine) => void
}

/**
 * Runs rules over events in their order of arrival (design §4.1): now is the running maximum of
 * event time, each event included; at the end time passes until everything has settled.
 */
export class Backtest {
  readonly #stream: EventStream
  readonly #onLine: (line: BacktestLine) => void
  readonly #firings = new SettledFirings()
  readonly #episodes = new EpisodeLines()
  #events = 0
  #nowMs = -Infinity

  constructor(options: BacktestOptions) {
    const { ruleset, matcherFor, reorderMs } = options
    this.#onLine = options.onLine
    const onFiring: FiringSink = (firing) => this.#firings.add(firing)
    this.#stream = new EventStream({ ruleset, matcherFor, reorderMs, onFiring })
  }

  /** Takes the next event of the file; keeps nothing of the view. */
  event(view: EventView): void {
    this.#nowMs = Math.max(this.#nowMs, view.timeMs)
    const effects = this.#stream.arrive(view, this.#nowMs)
    if (effects !== undefined) this.#tell(effects)
    if (++this.#events % RELEASE_EVERY === 0) this.#release(this.#stream.finalMs)
  }

  /** There are no more events: lets everything settle and tells the summary. */
  finish(): void {
    for (;;) {
      const effects = this.#stream.passToDue()
      if (effects === undefined) break
      this.#tell(effects)
      this.#release(this.#stream.finalMs)
    }
    this.#tell(this.#stream.end())
    this.#release(Infinity)
    this.#onLine({
      type: 'summary',
      events: this.#events,
      matches: this.#stream.stats().reduce((sum, { matches }) => sum + matches, 0),
      firings: this.#firings.count,
      episodes: this.#episodes.settled,
      skipped: this.#episodes.skipped,
    })
  }

  #tell(effects: Effects): void {
    for (const line of this.#episodes.of(effects)) this.#onLine(line)
  }

  #release(finalMs: number): void {
    for (const line of this.#firings.release(finalMs)) this.#onLine(line)
  }
}

type FiringLine = BacktestLine & { readonly type: 'firing' }

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

  add({ rule, group, ref, atMs, value }: Parameters<FiringSink>[0]): void {
    const key = `${rule.id} ${ref}`
    const pending = this.#pending.get(key)
    if (pending !== undefined) {
      pending.value = value
      return
    }
    const event = parseRecordRef(ref)!.position
    const fields = { rule: rule.id, group: groupOf(rule.groupBy, group), at: atMs, event }
    const added: Pending = { key, line: { type: 'firing', ...fields }, value, dueMs: Infinity }
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
    ready.sort(({ line: a }, { line: b }) => a.at - b.at || a.event - b.event)
    for (const { key, line, value } of ready) {
      this.#pending.delete(key)
      this.count++
      yield { ...line, value }
    }
  }
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

  *of(effects: Effects): Generator<BacktestLine> {
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
