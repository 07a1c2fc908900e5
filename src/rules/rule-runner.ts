import type { LedgerDelta, Recompute, RefusedRange, SavedBucket } from '../model/commit.ts'
import type { RuleStats } from '../model/stats.ts'
import type { PartitionTracker } from './partition-tracker.ts'
import type { Rule } from './rule.ts'
import { RuleBuckets } from './rule-buckets.ts'
import { warmingMs } from './warming.ts'
import { admit } from './windows/admission.ts'
import { Deadlines } from './windows/deadlines.ts'
import type { EpisodeContext } from './windows/episodes.ts'
import { RULE_BUCKET } from './windows/group-hash.ts'
import type { Ledger, LedgerBook } from './windows/ledger.ts'
import { bucketLimits } from './windows/limits.ts'
import { MatchWindows } from './windows/match.ts'
import type { RecordNames } from './windows/record-names.ts'
import type { RefusedMark } from './windows/refused-groups.ts'
import type { Arrival, FiringSink, RuleClock, WindowsFactory } from './windows/rule-windows.ts'
import { STATE_FORMAT, StateReader, StateWriter } from './windows/state-bytes.ts'
import { ThresholdWindows } from './windows/threshold.ts'

export interface RunnerOptions {
  readonly context: EpisodeContext
  readonly ledgers: LedgerBook
  /** Bytes of window state per rule. */
  readonly bytesMax: number
  readonly onFiring: FiringSink | undefined
  readonly makeWindows: WindowsFactory
  /** Of the entry that brings the rule set into force. */
  readonly no: number
  /** Rules with refused matches that wait to be read back; each adds itself. */
  readonly refusing: Set<RuleRunner>
}

/** Rules that read the same watermark: same inputs, same clock. */
export class SharedClock implements RuleClock {
  readonly rule: Pick<Rule, 'inputs' | 'clock'>
  readonly #deadlines = new Deadlines<RuleRunner>()
  #watermarkMs: number
  #lateByMaxMs = 0

  constructor(rule: Pick<Rule, 'inputs' | 'clock'>, watermarkMs: number) {
    this.rule = rule
    this.#watermarkMs = watermarkMs
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Firings before this time are final for every rule that reads it. */
  get finalMs(): number {
    return this.#watermarkMs - this.#lateByMaxMs
  }

  /** See {@link RuleBuckets.nextDueMs}; of all its rules. */
  get nextDueMs(): number {
    return this.#deadlines.nextMs()
  }

  add(runner: RuleRunner): void {
    this.#lateByMaxMs = Math.max(this.#lateByMaxMs, runner.rule.lateByMs)
    this.schedule(runner)
  }

  schedule(runner: RuleRunner): void {
    this.#deadlines.schedule(runner, runner.buckets.nextDueMs)
  }

  /** The watermark never falls; only rules with something due are looked at. */
  advance(partitions: PartitionTracker, nowMs: number): void {
    const { inputs, clock } = this.rule
    const { ms } = partitions.watermark(inputs, clock, nowMs)
    this.#watermarkMs = Math.max(this.#watermarkMs, ms)
    const advanced: RuleRunner[] = []
    for (
      let runner = this.#deadlines.take(this.#watermarkMs);
      runner !== undefined;
      runner = this.#deadlines.take(this.#watermarkMs)
    ) {
      runner.buckets.advance()
      advanced.push(runner)
    }
    // One that did its bounded lot and has more to do waits for the next entry.
    for (const runner of advanced) this.schedule(runner)
  }
}

/** One rule in the engine: admission, buckets and what is counted about it. */
export class RuleRunner {
  readonly rule: Rule
  readonly buckets: RuleBuckets
  readonly clock: SharedClock
  /** Kept by its clock. */
  dueMs = Infinity
  readonly #ledger: Ledger
  readonly #refusing: Set<RuleRunner>
  readonly #names: RecordNames
  /** Older events were refused under a former `late_by`: what they would change is gone. */
  #floorMs = -Infinity
  /** Records of its inputs that were received before this time are missing (design §4.1). */
  #missedMs = -Infinity
  /** The entry that the rule-level state holds already; see {@link RuleBuckets}. */
  #stampNo = -1
  #isDirty = false
  #isStored = false
  #matches = 0
  #lastMatchMs = -Infinity
  #capHits = 0

  constructor(rule: Rule, clock: SharedClock, options: RunnerOptions, previous?: RuleRunner) {
    this.rule = rule
    this.clock = clock
    this.#refusing = options.refusing
    this.#names = options.context.names
    this.#ledger = previous === undefined ? options.ledgers.ledger(rule.id) : previous.#ledger
    const { context, bytesMax, onFiring, makeWindows, no } = options
    const windowOptions = {
      rule,
      clock,
      context,
      onFiring,
      ledger: this.#ledger,
      limits: bucketLimits(rule.limits, bytesMax),
      onCap: () => this.#capHits++,
    }
    if (previous === undefined) {
      this.buckets = new RuleBuckets(windowOptions, makeWindows)
    } else {
      this.buckets = previous.buckets
      this.#matches = previous.#matches
      this.#lastMatchMs = previous.#lastMatchMs
      this.#capHits = previous.#capHits
      this.#isDirty = previous.#isDirty
      this.#isStored = previous.#isStored
      this.#stampNo = previous.#stampNo
      this.#floorMs = previous.#floorMs
      this.#missedMs = previous.#missedMs
      const { rule: former } = previous
      if (no > this.#stampNo && rule.lateByMs > former.lateByMs) {
        const refusedMs = previous.clock.watermarkMs - former.lateByMs
        this.#floorMs = Math.max(this.#floorMs, refusedMs)
        this.#isDirty = true
      }
      this.buckets.adopt(windowOptions, no)
      this.#watchRefused()
    }
    clock.add(this)
  }

  /** A match of entry `no`, which the clock says `nowMs` of. */
  take(arrival: Arrival, no: number, nowMs: number): void {
    const { timeMs, witnessedMs } = arrival
    const { bucket } = arrival.hash
    const { lateByMs } = this.rule
    this.#matches++
    if (timeMs > this.#lastMatchMs) this.#lastMatchMs = timeMs
    if (!this.buckets.isOpen(bucket, no)) return
    const { watermarkMs } = this.clock
    const admission = admit({ timeMs, witnessedMs, watermarkMs, lateByMs })
    const isFloored = admission === 'admitted' && timeMs < this.#floorMs
    if (admission !== 'admitted') this.#ledger.count(admission, timeMs)
    else if (isFloored) this.#ledger.count('late', timeMs)
    else if (this.buckets.add(bucket, arrival)) this.clock.schedule(this)
    if (admission === 'admitted' && !isFloored) return
    const belowMs =
      admission === 'idle' ? watermarkMs - lateByMs : isFloored ? this.#floorMs : -Infinity
    if (this.buckets.refuse(bucket, arrival, { nowMs, belowMs })) this.#watchRefused()
    else this.#capHits++
  }

  /**
   * Takes refused matches to read back: 60 s have passed since the last of their group, and the
   * watermark is so far past them that nothing can change any more what they would have made.
   */
  release(no: number, nowMs: number): Omit<Recompute, 'ruleset'>[] {
    if (this.buckets.refusedDueMs > nowMs) return []
    const { id: ruleId, revision: ruleRev, detector, quietMs, lateByMs } = this.rule
    const withinMs = detector.kind === 'threshold' ? detector.withinMs : 0
    const reachMs = withinMs + quietMs
    const settledMs = this.clock.watermarkMs - lateByMs - reachMs
    const released = this.buckets.release(no, nowMs, settledMs)
    if (this.buckets.refusedDueMs === Infinity) this.#refusing.delete(this)
    return released.map(({ key: group, fromMs, toMs, marks }) => {
      const refused = marks.map((mark) => this.#named(mark))
      return { ruleId, ruleRev, group, fromMs, toMs, reachMs, refused: refused.sort(byPartition) }
    })
  }

  missingGroup(timeMs: number, count: number, no: number): void {
    this.#matches += count
    if (no > this.#stampNo) this.#ledger.count('missing_group', timeMs, count)
  }

  /** Entry `no` met a hole in a partition that the rule reads; it ended at `untilMs` at the latest. */
  miss(untilMs: number, no: number): void {
    if (no <= this.#stampNo || untilMs <= this.#missedMs) return
    this.#missedMs = untilMs
    this.#isDirty = true
  }

  /** What entry `no` brought into force lacks records and catches up with at this watermark. */
  warmUntil(untilMs: number, no: number): void {
    this.miss(untilMs - warmingMs(this.rule), no)
  }

  wake(no: number): void {
    this.buckets.wake(no)
    this.clock.schedule(this)
  }

  dirty(): number[] {
    const buckets = this.buckets.dirty()
    return this.#isDirty ? [...buckets, RULE_BUCKET] : buckets
  }

  /** Buckets that have bytes in the store. */
  stored(): number[] {
    return this.#isStored ? [...this.buckets.stored, RULE_BUCKET] : [...this.buckets.stored]
  }

  /** See {@link RuleBuckets.disown}. */
  disown(bucket: number): void {
    if (bucket !== RULE_BUCKET) return this.buckets.disown(bucket)
    this.#isDirty = true
    this.#isStored = true
  }

  save(bucket: number): Uint8Array {
    if (bucket !== RULE_BUCKET) return this.buckets.save(bucket)
    this.#isDirty = false
    this.#isStored = this.#floorMs > -Infinity || this.#isWarming
    if (!this.#isStored) return new Uint8Array()
    const writer = new StateWriter()
    writer.u8(STATE_FORMAT)
    writer.f64(this.#floorMs)
    writer.f64(this.#isWarming ? this.#missedMs : -Infinity)
    return writer.finish()
  }

  load(saved: SavedBucket): void {
    if (saved.bucket !== RULE_BUCKET) {
      this.buckets.load(saved)
      this.#watchRefused()
      return
    }
    this.#stampNo = saved.no
    this.#isDirty = false
    if (saved.blob.length === 0) return
    this.#isStored = true
    const reader = new StateReader(saved.blob)
    reader.u8()
    this.#floorMs = reader.f64()
    this.#missedMs = reader.isAtEnd ? -Infinity : reader.f64()
  }

  /** Takes state in that the journal gave back, at the entry that brings the rule into force. */
  takeRebuilt(bucket: number, blob: Uint8Array, no: number): void {
    if (bucket === RULE_BUCKET || !this.buckets.isOpen(bucket, no)) return
    this.buckets.takeRebuilt(bucket, blob)
    this.#watchRefused()
    this.clock.schedule(this)
  }

  /**
   * Matches that rebuilt windows hold were counted already, when the former text ended or before:
   * taken back here, as they will be counted once more when they leave the windows (I9).
   */
  holds({ class: kind, reason, hourMs, count }: LedgerDelta): void {
    this.#ledger.count(reason ?? (kind === 'episode' ? 'episode' : 'below'), hourMs, -count)
  }

  /** See {@link RuleBuckets.close}. */
  close(cause: 'edit' | 'rule_removed', no: number): SavedBucket[] {
    const handedBack = this.buckets.close(cause, no)
    if (no <= this.#stampNo) {
      const { id: ruleId, stateHash } = this.rule
      const name = { ruleId, stateHash, bucket: RULE_BUCKET }
      handedBack.push({ ...name, no: this.#stampNo, blob: this.save(RULE_BUCKET) })
    }
    return handedBack
  }

  stats(): RuleStats {
    const { groups, openEpisodes } = this.buckets
    const lastMatchMs = this.#lastMatchMs === -Infinity ? null : this.#lastMatchMs
    return {
      ruleId: this.rule.id,
      matches: this.#matches,
      lastMatchMs,
      groups,
      openEpisodes,
      capHits: this.#capHits,
      ...(this.#isWarming && { warmingUntilMs: this.#warmingUntilMs }),
    }
  }

  get #isWarming(): boolean {
    return this.#warmingUntilMs > this.clock.watermarkMs
  }

  get #warmingUntilMs(): number {
    return this.#missedMs + warmingMs(this.rule)
  }

  #watchRefused(): void {
    if (this.buckets.refusedDueMs < Infinity) this.#refusing.add(this)
  }

  #named({ partition, first, last, witnessedMs, below }: RefusedMark): RefusedRange {
    return {
      partition: this.#names.name(partition),
      first,
      last,
      // JSON knows no infinity.
      witnessedMs: Number.isFinite(witnessedMs) ? witnessedMs : null,
      below: [...below],
    }
  }
}

function byPartition(a: RefusedRange, b: RefusedRange): number {
  return a.partition < b.partition ? -1 : 1
}

/** The windows of a rule's type. */
export const windowsOf: WindowsFactory = (options) =>
  options.rule.detector.kind === 'match' ? new MatchWindows(options) : new ThresholdWindows(options)
