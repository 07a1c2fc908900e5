import type { Effects, Recompute, SavedBucket, SloDelta } from '../model/commit.ts'
import type { EpisodeChange } from '../model/episode.ts'
import type { Matches } from '../model/matches.ts'
import { inputOfPartition } from '../model/slab.ts'
import type { RuleStats } from '../model/stats.ts'
import { FormerBuckets } from './former-buckets.ts'
import type { PartitionTracker } from './partition-tracker.ts'
import { announce } from './announce.ts'
import type { EditDifference } from './announce.ts'
import type { Rebuilt, RebuiltEpisode } from './rebuild.ts'
import { RebuiltRules } from './rebuilt-rules.ts'
import type { CompiledRuleset, Rule } from './rule.ts'
import type { RuleRunner, RunnerOptions } from './rule-runner.ts'
import { windowsOf } from './rule-runner.ts'
import { begin, disown, takeOver, watermarksOf } from './take-over.ts'
import type { Runners } from './take-over.ts'
import { ChangeLog } from './windows/change-log.ts'
import type { EpisodeContext } from './windows/episodes.ts'
import { GroupHash } from './windows/group-hash.ts'
import { GroupStore } from './windows/group-store.ts'
import { LedgerBook } from './windows/ledger.ts'
import { BYTES_DEFAULT } from './windows/limits.ts'
import { RecordNames } from './windows/record-names.ts'
import { RecordWindow } from './windows/record-window.ts'
import type { Arrival, FiringSink, WindowsFactory } from './windows/rule-windows.ts'
import { StateWriter } from './windows/state-bytes.ts'
import { UnitArena } from './windows/unit-arena.ts'

/** Consecutive slabs of one partition and one rule set, in order of position. */
export interface Slice {
  readonly partition: string
  /** Position of the first record of the first slab. */
  readonly from: number
  readonly matches: readonly Matches[]
}

export interface EngineContext {
  readonly nowMs: number
  /** Partitions as they are *before* `apply` and *after* the entry for `advance`. */
  readonly partitions: PartitionTracker
  /** Number of the input log entry; where there is no log, entries are counted. */
  readonly no: number
}

/** One rule's state for the groups of one bucket; bucket 256 belongs to the rule as a whole. */
export interface BucketName {
  readonly ruleId: string
  readonly stateHash: string
  readonly bucket: number
}

/**
 * The pure, synchronous function of the input log (design §4.1): windows per rule and group in,
 * episode changes out. `apply` takes the rows of a slice, `advance` lets time pass to the rules'
 * watermarks, `take` hands over and forgets what happened.
 */
export interface Engine {
  /** Throws when a slab was matched with another rule set: a slice never mixes two. */
  apply(slice: Slice, context: EngineContext): void
  advance(context: EngineContext): void
  take(): Effects
  /** What the edit of rules that were rebuilt changed, once that was taken. */
  editDifference(): EditDifference | undefined
  /** Per rule, in the order of the rule set, since the rule was first seen by this process. */
  stats(): RuleStats[]
  /** True when every episode is settled. */
  isQuiet(): boolean
  /**
   * The earliest deadline of any rule in event time: something happens when its watermark has
   * passed it. Infinity when nothing waits.
   */
  nextDueMs(): number
  /** The lowest watermark − late_by over all rules: older firings are final. */
  finalMs(): number
  /** Buckets whose state changed since they were last saved; a loaded bucket is clean. */
  dirty(): BucketName[]
  /**
   * Canonical bytes of a bucket as it is now, which counts as clean from then on: in the order
   * of the keys' hashes, independent of the order of arrival within a group and of this process. Empty when there is
   * no state, and for a rule or state hash that is not in force.
   */
  save(name: BucketName): Uint8Array
  /**
   * Takes saved state in, before the first entry is run. Entries up to its stamp leave the bucket
   * untouched and tell no effects for it. One of a rule or state hash that is not in force waits
   * until {@link createEngine} with `previous` brings it, whose own effects are skipped for it
   * when the stamp holds that entry. Throws when the bytes are not what {@link save} wrote.
   */
  load(saved: SavedBucket): void
  /** What is stored of this bucket is not its state: it begins with none and is written again. */
  disown(name: BucketName): void
  /** Whether some group of the rule has lost matches that a higher count would need. */
  isTrimmed(ruleId: string): boolean
  /** Of every rule in force. */
  stateHashes(): { readonly ruleId: string; readonly stateHash: string }[]
  /** What rules have read as their watermark, by what they read: for the time bucket. */
  watermarks(): Record<string, number>
  /**
   * Begins to take in edited rules of the set that entry `no` brings into force. Filled, they are
   * an argument of the {@link createEngine} that runs this entry; none is run in between.
   */
  takeIn(rules: readonly Rule[], rebuilt: Rebuilt, no: number): RebuiltRules
  /**
   * Ends what the rule set of entry `no` does not keep, a bucket at a time, and tells how many
   * groups each had: {@link createEngine} does the same at once, which takes long where there are
   * many. No entry is run in between.
   */
  ending(next: CompiledRuleset, rebuilt: RebuiltRules | undefined, no: number): Iterable<number>
}

export interface EngineOptions {
  readonly ruleset: CompiledRuleset
  /** Of an input's name, ms: how far its watermark stays behind the latest event. */
  readonly reorderOf: (input: string) => number
  /**
   * The engine that this one replaces at a slab boundary (I8), its effects taken; it must not be
   * used again.
   */
  readonly previous?: Engine
  /** Of the entry that activates this rule set in place of `previous`. */
  readonly no?: number
  /** Edited rules whose state the journal gave back; the others begin with none. */
  readonly rebuilt?: RebuiltRules
  /** Rules whose rebuilt state lacks records, and the watermark at which they have caught up. */
  readonly warming?: readonly { readonly ruleId: string; readonly untilMs: number }[]
  /** Of an engine without `previous`: what {@link Engine.watermarks} said. */
  readonly watermarks?: Readonly<Record<string, number>>
  /** Bytes of window state per rule. */
  readonly bytesMax?: number
  /** Collects firings for a backtest; live runs have none. */
  readonly onFiring?: FiringSink
  /** Other windows than {@link windowsOf}: tests compare with plain ones. */
  readonly makeWindows?: WindowsFactory
}

export function createEngine(options: EngineOptions): Engine {
  const previous = options.previous
  if (previous !== undefined && !(previous instanceof RuleEngine)) {
    throw new TypeError('previous must come from createEngine')
  }
  return new RuleEngine(options, previous)
}

class RuleEngine implements Engine {
  readonly #ruleset: CompiledRuleset
  readonly #reorderOf: (input: string) => number
  readonly #context: EpisodeContext
  readonly #runnerOptions: RunnerOptions
  readonly #ledgers: LedgerBook
  readonly #rules: Runners
  readonly #former: FormerBuckets
  readonly #refusing: Set<RuleRunner>
  #recomputes: Recompute[] = []
  /** Loaded, of rules that are not in force yet. */
  readonly #waiting: Map<string, SavedBucket[]>
  /** The greatest stamp of a bucket that was loaded. */
  #loadedNo: number
  readonly #byId: ReadonlyMap<string, RuleRunner>
  /** What the rebuilt rules have open, until it is told. */
  #rebuilt: readonly RebuiltEpisode[] | undefined
  #heard: ReadonlySet<string> = new Set()
  #difference: EditDifference | undefined
  readonly #slo = new Map<string, { -readonly [K in keyof SloDelta]: SloDelta[K] }>()
  readonly #arrival: { -readonly [K in keyof Arrival]: Arrival[K] } = {
    timeMs: 0,
    hashHigh: 0,
    hashLow: 0,
    partition: 0,
    position: 0,
    group: '',
    hash: new GroupHash(),
    witnessedMs: 0,
  }

  constructor(options: EngineOptions, previous: RuleEngine | undefined) {
    this.#ruleset = options.ruleset
    this.#reorderOf = options.reorderOf
    this.#context = previous === undefined ? newContext() : previous.#context
    this.#ledgers = previous === undefined ? new LedgerBook() : previous.#ledgers
    this.#waiting = previous === undefined ? new Map() : previous.#waiting
    this.#former = previous === undefined ? new FormerBuckets() : previous.#former
    this.#loadedNo = previous === undefined ? -1 : previous.#loadedNo
    this.#refusing = options.rebuilt?.refusing ?? new Set()
    const { ruleset, bytesMax = BYTES_DEFAULT, makeWindows = windowsOf, onFiring } = options
    const no = options.no ?? Infinity
    const runnerOptions = {
      context: this.#context,
      ledgers: this.#ledgers,
      bytesMax,
      onFiring,
      makeWindows,
      no,
      refusing: this.#refusing,
    }
    this.#runnerOptions = runnerOptions
    if (previous === undefined) {
      this.#rules = begin(ruleset.rules, options.watermarks ?? {}, runnerOptions)
      this.#byId = byId(this.#rules)
      return
    }
    const { handedBack, ...rules } = takeOver(previous.#rules.runners, ruleset.rules, {
      ...runnerOptions,
      rebuilt: options.rebuilt?.runners,
      formerBuckets: this.#former,
    })
    this.#rules = rules
    this.#byId = byId(rules)
    for (const saved of handedBack) this.#wait(saved)
    this.#takeWaiting(rules.runners, no)
    if (options.rebuilt !== undefined) this.#takeRebuilt(options.rebuilt.rebuilt, no, previous)
    for (const { ruleId, untilMs } of options.warming ?? []) {
      this.#byId.get(ruleId)?.warmUntil(untilMs, no)
    }
  }

  apply(slice: Slice, context: EngineContext): void {
    const { partition } = slice
    const input = inputOfPartition(partition)
    const reorderMs = this.#reorderOf(input)
    const number = this.#context.names.number(partition)
    this.#wake(context.no)
    let from = slice.from
    let eventMs = context.partitions.witnessed(partition, 'event')
    let receivedMs = context.partitions.witnessed(partition, 'received')
    for (const slab of slice.matches) {
      if (slab.ruleset !== this.#ruleset.hash) {
        throw new Error(`slab of rule set ${slab.ruleset} given to ${this.#ruleset.hash}`)
      }
      if (slab.isHole === true) this.#miss(input, context)
      receivedMs = Math.max(receivedMs, slab.receivedMs - reorderMs)
      this.#applyRows(slab, {
        partition: number,
        from,
        eventMs,
        receivedMs,
        reorderMs,
        no: context.no,
        nowMs: context.nowMs,
      })
      this.#applySums(slab)
      for (const { rule, hourMs, count } of slab.missingGroup) {
        this.#rules.runners[rule]!.missingGroup(hourMs, count, context.no)
      }
      eventMs = Math.max(eventMs, slab.maxTimeMs - reorderMs)
      from += slab.count
    }
  }

  advance(context: EngineContext): void {
    this.#wake(context.no)
    this.#context.changes.flush()
    for (const clock of this.#rules.clocks) clock.advance(context.partitions, context.nowMs)
    const { hash: ruleset } = this.#ruleset
    for (const runner of this.#refusing) {
      for (const found of runner.release(context.no, context.nowMs)) {
        this.#recomputes.push({ ...found, ruleset })
      }
    }
  }

  take(): Effects {
    const slo = [...this.#slo.values()]
    this.#slo.clear()
    const told = this.#context.changes.take()
    const recomputes = this.#recomputes.sort(byRuleAndGroup)
    this.#recomputes = []
    return { episodes: this.#announced(told), slo, ledger: this.#ledgers.take(), recomputes }
  }

  editDifference(): EditDifference | undefined {
    return this.#difference
  }

  stats(): RuleStats[] {
    return this.#rules.runners.map((runner) => runner.stats())
  }

  isQuiet(): boolean {
    return this.#rules.runners.every(({ buckets }) => buckets.openEpisodes === 0)
  }

  nextDueMs(): number {
    return Math.min(Infinity, ...this.#rules.clocks.map((clock) => clock.nextDueMs))
  }

  finalMs(): number {
    return Math.min(Infinity, ...this.#rules.clocks.map((clock) => clock.finalMs))
  }

  dirty(): BucketName[] {
    return this.#rules.runners.flatMap((runner) => {
      const { id: ruleId, stateHash } = runner.rule
      return runner.dirty().map((bucket) => ({ ruleId, stateHash, bucket }))
    })
  }

  save({ ruleId, stateHash, bucket }: BucketName): Uint8Array {
    return this.#runner(ruleId, stateHash)?.save(bucket) ?? new Uint8Array()
  }

  load(saved: SavedBucket): void {
    this.#loadedNo = Math.max(this.#loadedNo, saved.no)
    const runner = this.#runner(saved.ruleId, saved.stateHash)
    if (runner === undefined) this.#wait(saved)
    else runner.load(saved)
  }

  disown({ ruleId, stateHash, bucket }: BucketName): void {
    this.#runner(ruleId, stateHash)?.disown(bucket)
  }

  isTrimmed(ruleId: string): boolean {
    return this.#byId.get(ruleId)?.buckets.isTrimmed ?? false
  }

  stateHashes(): { ruleId: string; stateHash: string }[] {
    return this.#rules.runners.map(({ rule: { id, stateHash } }) => ({ ruleId: id, stateHash }))
  }

  watermarks(): Record<string, number> {
    return watermarksOf(this.#rules)
  }

  takeIn(rules: readonly Rule[], rebuilt: Rebuilt, no: number): RebuiltRules {
    const refusing = new Set<RuleRunner>()
    const taken = begin(rules, rebuilt.watermarks, { ...this.#runnerOptions, no, refusing })
    for (const runner of taken.runners) disown(runner, this.#former)
    this.#takeWaiting(taken.runners, no)
    // Of the same name, and loaded: it is handed over when the one in force ends.
    const isLoaded = ({ ruleId, stateHash, bucket }: BucketName): boolean =>
      this.#runner(ruleId, stateHash)?.buckets.isOpen(bucket, no) === false
    return new RebuiltRules(rebuilt, taken, { no, isLoaded, refusing })
  }

  *ending(next: CompiledRuleset, rebuilt: RebuiltRules | undefined, no: number): Generator<number> {
    const rules = new Map(next.rules.map((rule) => [rule.id, rule]))
    const anew = new Set(rebuilt?.runners.runners.map(({ rule }) => rule.id))
    for (const { rule, buckets } of this.#rules.runners) {
      const after = rules.get(rule.id)
      if (after?.stateHash === rule.stateHash && !anew.has(rule.id)) continue
      yield* buckets.closing(after === undefined ? 'rule_removed' : 'edit', no)
    }
  }

  #miss(input: string, { nowMs, no }: EngineContext): void {
    for (const runner of this.#rules.runners) {
      const { inputs } = runner.rule
      if (inputs.length === 0 || inputs.includes(input)) runner.miss(nowMs, no)
    }
  }

  #runner(ruleId: string, stateHash: string): RuleRunner | undefined {
    const runner = this.#byId.get(ruleId)
    return runner?.rule.stateHash === stateHash ? runner : undefined
  }

  #wait(saved: SavedBucket): void {
    const key = JSON.stringify([saved.ruleId, saved.stateHash])
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), saved])
  }

  /** What holds entry `no` is of the life that begins with it; older state is of a former one. */
  #takeWaiting(runners: readonly RuleRunner[], no: number): void {
    for (const runner of runners) {
      const key = JSON.stringify([runner.rule.id, runner.rule.stateHash])
      for (const saved of this.#waiting.get(key) ?? []) {
        if (saved.no >= no) runner.load(saved)
        else runner.disown(saved.bucket)
      }
      this.#waiting.delete(key)
    }
  }

  /** A bucket that was loaded and holds entry `no` is ahead of what was rebuilt for it. */
  #takeRebuilt({ episodes, held }: Rebuilt, no: number, previous: RuleEngine): void {
    for (const delta of held) this.#byId.get(delta.ruleId)?.holds(delta)
    this.#rebuilt = episodes.filter(({ episode: { ruleId, groupKey } }) =>
      this.#byId.get(ruleId)?.buckets.isOpen(this.#arrival.hash.take(groupKey).bucket, no),
    )
    const sameMode = this.#rules.runners.filter(
      ({ rule: { id, mode } }) => previous.#byId.get(id)?.rule.mode === mode,
    )
    this.#heard = new Set(sameMode.map(({ rule }) => rule.id))
  }

  #announced(told: readonly EpisodeChange[]): readonly EpisodeChange[] {
    if (this.#rebuilt === undefined) return told
    const { changes, difference } = announce(told, this.#rebuilt, this.#heard)
    this.#rebuilt = undefined
    this.#difference = difference
    return changes
  }

  /** Loaded buckets go on with the first entry that they do not hold. */
  #wake(no: number): void {
    if (this.#loadedNo === -1) return
    for (const runner of this.#rules.runners) runner.wake(no)
    if (no <= this.#loadedNo) return
    this.#loadedNo = -1
    for (const saved of [...this.#waiting.values()].flat()) this.#former.add(saved, [saved.bucket])
    this.#waiting.clear()
  }

  #applyRows(
    slab: Matches,
    at: {
      readonly partition: number
      readonly from: number
      readonly eventMs: number
      readonly receivedMs: number
      readonly reorderMs: number
      readonly no: number
      readonly nowMs: number
    },
  ): void {
    const { rows } = slab
    const arrival = this.#arrival
    arrival.partition = at.partition
    for (let i = 0; i < rows.length; i++) {
      const runner = this.#rules.runners[rows.rule[i]!]!
      arrival.timeMs = rows.timeMs[i]!
      arrival.hashHigh = rows.hashHigh[i]!
      arrival.hashLow = rows.hashLow[i]!
      arrival.position = at.from + rows.ordinal[i]!
      arrival.group = rows.group[i]!
      const eventMs = Math.max(at.eventMs, rows.maxTimeMs[i]! - at.reorderMs)
      arrival.hash.take(arrival.group)
      arrival.witnessedMs = runner.rule.clock === 'received' ? at.receivedMs : eventMs
      runner.take(arrival, at.no, at.nowMs)
    }
  }

  #applySums(slab: Matches): void {
    for (const { slo, group, minuteMs, total, bad } of slab.sums) {
      const { id } = this.#ruleset.counters[slo]!
      const key = `${slo} ${minuteMs} ${group}`
      const sum = this.#slo.get(key)
      if (sum === undefined) {
        this.#slo.set(key, { slo: id, group, minuteMs, total, bad })
      } else {
        sum.total += total
        sum.bad += bad
      }
    }
  }
}

function newContext(): EpisodeContext {
  const names = new RecordNames()
  const groups = new GroupStore(new UnitArena())
  const window = new RecordWindow(groups, names)
  const changes = new ChangeLog(names)
  return { names, groups, window, changes, writer: new StateWriter() }
}

/** The order in which rules began to refuse is the process's own. */
function byRuleAndGroup(a: Recompute, b: Recompute): number {
  if (a.ruleId !== b.ruleId) return a.ruleId < b.ruleId ? -1 : 1
  return a.group < b.group ? -1 : 1
}

function byId({ runners }: Runners): ReadonlyMap<string, RuleRunner> {
  return new Map(runners.map((runner) => [runner.rule.id, runner]))
}
