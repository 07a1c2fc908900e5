import type { SavedBucket } from '../model/commit.ts'
import { Deadlines } from './windows/deadlines.ts'
import { GROUP_BUCKETS } from './windows/group-hash.ts'
import { RefusedGroups } from './windows/refused-groups.ts'
import type { RefusedGroup } from './windows/refused-groups.ts'
import type { Arrival, RuleWindows, WindowOptions, WindowsFactory } from './windows/rule-windows.ts'
import { REFUSED_FORMAT, STATE_FORMAT, StateReader } from './windows/state-bytes.ts'
import type { StateWriter } from './windows/state-bytes.ts'

/** Windows of one bucket of a rule's groups. */
interface Bucket {
  readonly number: number
  readonly windows: RuleWindows
  /** Matches that were not admitted; nothing of them is in the windows. */
  readonly refused: RefusedGroups
  /** The entry whose effects the state holds already, when it was loaded; else -1. */
  stampNo: number
  isDirty: boolean
  /** Kept by its rule. */
  dueMs: number
}

/**
 * The buckets of one rule (design §4.1), made when first needed. Nothing crosses them: each takes
 * its own groups' matches and lets time pass by itself, so one that was loaded skips the entries
 * it holds without the others noticing.
 */
export class RuleBuckets {
  readonly #buckets: (Bucket | undefined)[] = []
  readonly #makeWindows: WindowsFactory
  #options: WindowOptions
  #deadlines = new Deadlines<Bucket>()
  readonly #dirty = new Set<number>()
  /** Whose last saved bytes were not empty. */
  readonly #stored = new Set<number>()
  /** Loaded ahead of the entries that are run: time does not pass for them yet. */
  #ahead: Bucket[] = []
  /** Those with refused matches. */
  readonly #refusing = new Set<Bucket>()
  #refusedDueMs = Infinity

  constructor(options: WindowOptions, makeWindows: WindowsFactory) {
    this.#options = options
    this.#makeWindows = makeWindows
  }

  get groups(): number {
    return this.#sum(({ groups }) => groups)
  }

  get openEpisodes(): number {
    return this.#sum(({ openEpisodes }) => openEpisodes)
  }

  /** See {@link RuleWindows.isTrimmed}. */
  get isTrimmed(): boolean {
    return [...this.#all()].some(({ windows }) => windows.isTrimmed)
  }

  /** See {@link RuleWindows.nextDueMs}; of all buckets that entries are run for. */
  get nextDueMs(): number {
    return this.#deadlines.nextMs()
  }

  /** Whether what entry `no` does to a group of this bucket is news. */
  isOpen(bucket: number, no: number): boolean {
    const stampNo = this.#buckets[bucket]?.stampNo ?? -1
    return no > stampNo
  }

  /**
   * An admitted match of a group of this bucket; ask {@link isOpen} before. Returns whether time
   * may have something to do here earlier than before.
   */
  add(bucket: number, arrival: Arrival): boolean {
    const found = this.#buckets[bucket] ?? this.#make(bucket)
    found.windows.add(arrival)
    this.#touch(found)
    const { nextDueMs } = found.windows
    if (nextDueMs >= found.dueMs) return false
    this.#deadlines.schedule(found, nextDueMs)
    return true
  }

  /** `now_ms` at which {@link release} may have something; Infinity while nothing was refused. */
  get refusedDueMs(): number {
    return this.#refusedDueMs
  }

  /** A match that was not admitted; ask {@link isOpen} before. `false` when there is no room. */
  refuse(
    bucket: number,
    arrival: Arrival,
    at: { readonly nowMs: number; readonly belowMs: number },
  ): boolean {
    const found = this.#buckets[bucket] ?? this.#make(bucket)
    if (!found.refused.add(arrival, at)) return false
    this.#touch(found)
    this.#watch(found)
    return true
  }

  /** Takes what was refused and has been quiet since, of the buckets that entry `no` is news to. */
  release(no: number, nowMs: number, settledMs: number): RefusedGroup[] {
    const released: RefusedGroup[] = []
    for (const bucket of [...this.#refusing].sort((a, b) => a.number - b.number)) {
      if (no <= bucket.stampNo) continue
      const found = bucket.refused.release(nowMs, settledMs)
      if (found.length > 0) this.#touch(bucket)
      if (bucket.refused.size === 0) this.#refusing.delete(bucket)
      released.push(...found)
    }
    this.#refusedDueMs = Infinity
    for (const bucket of this.#refusing) this.#watch(bucket)
    return released
  }

  /** Buckets that hold entries before `no` only go on with time. */
  wake(no: number): void {
    if (this.#ahead.length === 0) return
    const awake = this.#ahead.filter(({ stampNo }) => stampNo < no)
    if (awake.length === 0) return
    this.#ahead = this.#ahead.filter(({ stampNo }) => stampNo >= no)
    for (const bucket of awake) this.#schedule(bucket)
  }

  /** The watermark has passed {@link nextDueMs}; each bucket does a bounded lot. */
  advance(): void {
    const { watermarkMs } = this.#options.clock
    const unfinished: Bucket[] = []
    for (
      let bucket = this.#deadlines.take(watermarkMs);
      bucket !== undefined;
      bucket = this.#deadlines.take(watermarkMs)
    ) {
      bucket.windows.advance()
      this.#touch(bucket)
      if (bucket.windows.nextDueMs < watermarkMs) unfinished.push(bucket)
      else this.#schedule(bucket)
    }
    for (const bucket of unfinished) this.#schedule(bucket)
  }

  /** Goes on under the rule's new text, from entry `no`. */
  adopt(options: WindowOptions, no: number): void {
    this.#options = options
    this.#deadlines = new Deadlines()
    for (const bucket of this.#all()) {
      const isOpen = no > bucket.stampNo
      if (bucket.windows.adopt(options, isOpen)) this.#touch(bucket)
      bucket.dueMs = Infinity
      if (!this.#ahead.includes(bucket)) this.#schedule(bucket)
    }
  }

  /** {@link close} for the buckets of this life, one after the other; tells the groups of each. */
  *closing(cause: 'edit' | 'rule_removed', no: number): Generator<number> {
    for (const { stampNo, windows } of this.#all()) {
      if (no <= stampNo) continue
      const { groups } = windows
      windows.close(cause)
      yield groups
    }
  }

  /**
   * Settles what is open and accounts for every match; what was refused is let go. Buckets that
   * hold entry `no` already are of the rule's next life: they are handed back as they are.
   */
  close(cause: 'edit' | 'rule_removed', no: number): SavedBucket[] {
    const { id: ruleId, stateHash } = this.#options.rule
    const handedBack: SavedBucket[] = []
    for (const bucket of this.#all()) {
      if (no > bucket.stampNo) bucket.windows.close(cause)
      else {
        const name = { ruleId, stateHash, bucket: bucket.number }
        handedBack.push({
          ...name,
          no: bucket.stampNo,
          blob: bytesOf(bucket, this.#options.context.writer),
        })
      }
    }
    return handedBack
  }

  /** Buckets that have bytes in the store. */
  get stored(): ReadonlySet<number> {
    return this.#stored
  }

  dirty(): number[] {
    return [...this.#dirty].sort((a, b) => a - b)
  }

  /**
   * What is stored of this bucket is of a former life: it must be written again. Until that is
   * done it lies there, also for the lives that follow.
   */
  disown(number: number): void {
    this.#dirty.add(number)
    this.#stored.add(number)
  }

  save(number: number): Uint8Array {
    this.#dirty.delete(number)
    this.#stored.delete(number)
    const bucket = this.#buckets[number]
    if (bucket === undefined) return new Uint8Array()
    bucket.isDirty = false
    const blob = bytesOf(bucket, this.#options.context.writer)
    if (blob.length > 0) this.#stored.add(number)
    if (blob.length === 0 && !this.#ahead.includes(bucket)) this.#buckets[number] = undefined
    return blob
  }

  load({ bucket: number, no, blob }: SavedBucket): void {
    const bucket = this.#make(number)
    bucket.stampNo = no
    this.#ahead.push(bucket)
    this.#dirty.delete(number)
    if (blob.length === 0) return
    this.#stored.add(number)
    readInto(bucket, blob)
    this.#watch(bucket)
  }

  /** State that no checkpoint holds: dirty, and time passes for it at once. */
  takeRebuilt(number: number, blob: Uint8Array): void {
    const bucket = this.#make(number)
    readInto(bucket, blob)
    this.#watch(bucket)
    this.#touch(bucket)
    this.#schedule(bucket)
  }

  #make(number: number): Bucket {
    const windows = this.#makeWindows(this.#options)
    const refused = new RefusedGroups(this.#options.context.names)
    const bucket = { number, windows, refused, stampNo: -1, isDirty: false, dueMs: Infinity }
    this.#buckets[number] = bucket
    return bucket
  }

  #watch(bucket: Bucket): void {
    if (bucket.refused.size === 0) return
    this.#refusing.add(bucket)
    this.#refusedDueMs = Math.min(this.#refusedDueMs, bucket.refused.dueMs)
  }

  #touch(bucket: Bucket): void {
    if (bucket.isDirty) return
    bucket.isDirty = true
    this.#dirty.add(bucket.number)
  }

  #schedule(bucket: Bucket): void {
    this.#deadlines.schedule(bucket, bucket.windows.nextDueMs)
  }

  *#all(): Generator<Bucket> {
    for (let number = 0; number < GROUP_BUCKETS; number++) {
      const bucket = this.#buckets[number]
      if (bucket !== undefined) yield bucket
    }
  }

  #sum(figure: (windows: RuleWindows) => number): number {
    let sum = 0
    for (const { windows } of this.#all()) sum += figure(windows)
    return sum
  }
}

/** Windows first; a bucket in which nothing was refused has the form that it always had. */
function bytesOf({ windows, refused }: Bucket, writer: StateWriter): Uint8Array {
  if (refused.size > 0) {
    writer.u8(REFUSED_FORMAT)
    refused.write(writer)
  }
  writer.u8(STATE_FORMAT)
  windows.write(writer)
  const blob = writer.finish()
  return blob.length === 1 ? new Uint8Array() : blob
}

function readInto({ windows, refused }: Bucket, blob: Uint8Array): void {
  const reader = new StateReader(blob)
  let format = reader.u8()
  if (format === REFUSED_FORMAT) {
    refused.read(reader)
    format = reader.u8()
  }
  if (format !== STATE_FORMAT) {
    throw new Error(`saved window state has form ${format}; this version reads ${STATE_FORMAT}`)
  }
  if (refused.size === 0 || !reader.isAtEnd) windows.read(reader)
  if (!reader.isAtEnd) throw new Error('saved window state goes on behind its end')
}
