/**
 * What refused matches make (design §4.2): the rule runs once more over everything of a group that
 * lies around them, late or not, and says which episodes there are and how many each holds.
 *
 *   1. Rows are taken in any order, sorted by the rule's own order and run in settled mode: the
 *      watermark follows each of them, so that windows stay as small as they are live.
 *   2. Bounded (I2): past `rowsMax` rows the groups taken last are put off, a single one is cut.
 *   3. A function of the rows alone: the same rows give the same episodes, ids included.
 */
import { derivedName } from '../lib/canonical.ts'
import type { Episode } from '../model/episode.ts'
import type { GroupKey } from '../model/group.ts'
import { MatchBuilder } from '../model/match-builder.ts'
import { createEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { PartitionTracker } from './partition-tracker.ts'
import { RecomputeRows } from './recompute-rows.ts'
import type { RecomputeRow } from './recompute-rows.ts'
import type { Rule } from './rule.ts'

/** Says how far time has come; no record is of it. */
const CLOCK = 'recompute@0'
/** Nothing of what is run here is ever late. */
const TIMING = { reorderMs: 0, idleAfterMs: Infinity }

/** A pass has fewer groups than a bucket of these takes. */
const LIMITS = { groups: 100_000, overflow: 'evict_oldest' } as const

/** An episode as it would have been, and how many refused matches its firings' windows hold. */
export interface LateEpisode {
  /** Number of its group, as its rows were given. */
  readonly target: number
  readonly episode: Episode
  readonly lateMatches: number
}

/** One pass over some groups of one or several rules; each group has a number, a target. */
export class Recompute {
  readonly #rows: RecomputeRows

  /** `rules[t]` is the rule of target t. */
  constructor(rules: readonly Rule[], rowsMax?: number) {
    this.#rows = new RecomputeRows(rules, rowsMax)
  }

  add(row: RecomputeRow): void {
    this.#rows.add(row)
  }

  /** Targets that had no room: what they are given is not looked at. */
  isPutOff(target: number): boolean {
    return this.#rows.isPutOff(target)
  }

  /** The only target left had more rows than there is room for: the latest are missing. */
  get isCut(): boolean {
    return this.#rows.isCut
  }

  /** It must not be used again. */
  finish(): LateEpisode[] {
    const found: LateEpisode[] = []
    for (const [rule, rows] of this.#rows.sorted()) {
      const run = new RuleRun(rule)
      for (const row of rows) run.row(row)
      found.push(...run.end())
    }
    return found
  }
}

/** What is known of one group while its rule runs. */
interface LateGroup {
  readonly target: number
  /** Times of late rows that the window of a later firing may still hold, in order. */
  late: number[]
  /** Its latest episode: the last firing, and late rows in the windows of its firings. */
  lastFiringMs: number
  held: number
  /** How many of `late`, from the first, are held already. */
  seen: number
}

/** Runs the groups of one rule in order, and counts late rows in the windows of firings. */
class RuleRun {
  readonly #rule: Rule
  readonly #engine: Engine
  readonly #partitions = new PartitionTracker([], () => TIMING)
  readonly #withinMs: number
  readonly #groups = new Map<GroupKey, LateGroup>()
  readonly #found: LateEpisode[] = []
  #lastMs = -Infinity
  #no = 0

  constructor(rule: Rule) {
    this.#rule = { ...rule, inputs: [], clock: 'event', lateByMs: 0, limits: LIMITS }
    this.#withinMs = rule.detector.kind === 'threshold' ? rule.detector.withinMs : 0
    this.#engine = createEngine({
      ruleset: { hash: '', rules: [this.#rule], counters: [] },
      reorderOf: () => 0,
      onFiring: ({ group, atMs }) => this.#fired(this.#groups.get(group)!, atMs),
    })
  }

  row(row: RecomputeRow): void {
    const { target, partition, position, timeMs, hashHigh, hashLow, group, isLate } = row
    this.#pass(timeMs)
    const nothing = { late: [], lastFiringMs: -Infinity, held: 0, seen: 0 }
    const found = this.#groups.get(group) ?? { target, ...nothing }
    this.#groups.set(group, found)
    if (isLate) found.late.push(timeMs)
    const built = new MatchBuilder()
    const hash = [hashHigh, hashLow] as const
    built.add({ rule: 0, ordinal: 0, timeMs, maxTimeMs: -Infinity, hash, group })
    const slab = {
      partition,
      thread: 0,
      seq: 0,
      ruleset: '',
      count: 1,
      receivedMs: -Infinity,
      maxTimeMs: -Infinity,
      ...built.finish(),
    }
    const context = { nowMs: timeMs, partitions: this.#partitions, no: ++this.#no }
    this.#engine.apply({ partition, from: position, matches: [slab] }, context)
  }

  end(): LateEpisode[] {
    for (let dueMs = this.#engine.nextDueMs(); dueMs < Infinity; dueMs = this.#engine.nextDueMs()) {
      this.#pass(dueMs + 1)
    }
    return this.#found
  }

  /** Lets time come to `timeMs`; rows of that very time may still come. */
  #pass(timeMs: number): void {
    if (timeMs <= this.#lastMs) return
    this.#lastMs = timeMs
    const seen = { maxTimeMs: timeMs, receivedMs: timeMs, to: 0, nowMs: timeMs }
    this.#partitions.observe(CLOCK, seen)
    // Each round ends a bounded number of groups.
    do {
      const context = { nowMs: timeMs, partitions: this.#partitions, no: ++this.#no }
      this.#engine.advance(context)
      for (const { change, episode } of this.#engine.take().episodes) {
        if (change === 'settled') this.#settled(episode)
      }
    } while (this.#engine.nextDueMs() < timeMs)
  }

  /** Firings come in order; an episode's are no further apart than the quiet period. */
  #fired(group: LateGroup, atMs: number): void {
    const isSame = atMs - group.lastFiringMs <= this.#rule.quietMs
    group.lastFiringMs = atMs
    const first = group.late.findIndex((ms) => ms > atMs - this.#withinMs || ms === atMs)
    const gone = first < 0 ? group.late.length : first
    group.late = group.late.slice(gone)
    // A late row may lie in windows of two episodes; it is why both are there.
    const seen = isSame ? Math.max(0, group.seen - gone) : 0
    group.held = (isSame ? group.held : 0) + group.late.length - seen
    group.seen = group.late.length
  }

  /** Of one group an episode settles before the next can begin. */
  #settled(episode: Episode): void {
    const { groupKey, openedRef } = episode
    const { target, held: lateMatches } = this.#groups.get(groupKey)!
    // Never the id of an episode that the live engine may have opened at the same record.
    const id = derivedName('old_news', this.#rule.id, groupKey, openedRef)
    this.#found.push({ target, episode: { ...episode, id }, lateMatches })
  }
}
