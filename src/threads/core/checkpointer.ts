/**
 * Checkpoints of window state (design §4.1). A cycle begins at an entry, writes the buckets that
 * were dirty then, a bounded number between two commits, each stamped with the entry it holds,
 * and when all are written moves `checkpoint_next` to where it began:
 *
 *   1. A bucket that stayed clean is right by definition; one that changed again is stamped later
 *      than the beginning, and a replay skips what its stamp already holds.
 *   2. A reload starts the cycle anew: what a removed rule had is not needed behind it.
 *   3. A write that failed is made again with the same blobs; nothing is lost by it.
 *   4. The store removes a bounded lot of what is not needed any more with each write, so this goes
 *      on writing nothing between two commits until there is no more.
 */
import type { JournalReader } from '../../ingest/journal/journal.ts'
import type {
  CheckpointNext,
  CoreStore,
  JournalHeld,
  SavedBucket,
  TimeBucket,
} from '../../model/commit.ts'
import { StoreWriteError } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import type { BucketName, Engine } from '../../rules/engine.ts'

/** A cycle starts at least this often after the last one began. */
const CYCLE_MS = 10_000
/** Of one transaction, so that no commit waits for long. */
const BUCKETS_MAX = 128
const BYTES_MAX = 1024 * 1024
/** The journal is looked at this often: its segments come and go by the hour. */
const LOOK_MS = 60_000
/** Entries of the log are kept for longer than records: a rebuild begins with what was idle then. */
const BEFORE_JOURNAL_MS = 3_600_000

/** What a cycle needs to know of the core, as it is after the last commit. */
export interface CheckpointView {
  readonly engine: Engine
  /** Entry that the next commit will write. */
  readonly nextNo: number
  readonly time: () => TimeBucket
}

interface Cycle {
  readonly beginNo: number
  readonly time: TimeBucket
  readonly rules: readonly { readonly ruleId: string; readonly stateHash: string }[]
  readonly waiting: BucketName[]
}

export class Checkpointer {
  readonly #store: Pick<CoreStore, 'saveCheckpoint'>
  readonly #report: Report
  /** Told what a replay would need from now on, when a cycle is complete. */
  readonly #onComplete: (time: TimeBucket) => void
  readonly #journal: Pick<JournalReader, 'partitions'>
  #cycle: Cycle | undefined
  #unwritten: SavedBucket[] = []
  #lastBeginMs = Number.NEGATIVE_INFINITY
  #lastLookMs = Number.NEGATIVE_INFINITY
  #hasMore = false

  constructor(options: {
    readonly store: Pick<CoreStore, 'saveCheckpoint'>
    readonly journal: Pick<JournalReader, 'partitions'>
    readonly report: Report
    readonly onComplete: (time: TimeBucket) => void
  }) {
    this.#store = options.store
    this.#journal = options.journal
    this.#report = options.report
    this.#onComplete = options.onComplete
  }

  /** A reload took another rule set into force. */
  restart(): void {
    this.#cycle = undefined
    this.#lastBeginMs = Number.NEGATIVE_INFINITY
  }

  /** Begins or goes on with a cycle; returns whether there is more to write or to remove. */
  async step(nowMs: number, view: CheckpointView): Promise<boolean> {
    if (this.#cycle === undefined && !this.#begin(nowMs, view)) {
      return this.#hasMore && (await this.#save([])) && this.#hasMore
    }
    const cycle = this.#cycle!
    this.#take(cycle, view)
    const isLast = cycle.waiting.length === 0
    const { beginNo: no, time, rules } = cycle
    const next = isLast ? { no, time, rules, ...this.#look(nowMs) } : undefined
    if (!(await this.#save(this.#unwritten, next))) return false
    this.#report({ name: 'core.checkpoint_written', count: this.#unwritten.length })
    this.#unwritten = []
    if (!isLast) return true
    this.#cycle = undefined
    this.#onComplete(time)
    return this.#hasMore
  }

  /** `false` when it could not be written now. */
  async #save(buckets: readonly SavedBucket[], next?: CheckpointNext): Promise<boolean> {
    try {
      this.#hasMore = await this.#store.saveCheckpoint(buckets, next)
      return true
    } catch (error) {
      if (!(error instanceof StoreWriteError) || !error.retryable) throw error
      this.#report({ name: 'core.checkpoint_failed', detail: { error: error.message } })
      return false
    }
  }

  /** What the journal has, now and then. */
  #look(nowMs: number): { readonly journal?: JournalHeld } {
    if (nowMs - this.#lastLookMs < LOOK_MS) return {}
    this.#lastLookMs = nowMs
    const held = this.#journal.partitions()
    const oldestMs = held.reduce((oldest, one) => Math.min(oldest, one.minReceivedMs), nowMs)
    const partitions = held.map(({ partition }) => partition)
    return { journal: { sinceMs: oldestMs - BEFORE_JOURNAL_MS, partitions } }
  }

  /** Also when nothing happened: a standby sees by it that the owner is alive. */
  #begin(nowMs: number, { engine, nextNo, time }: CheckpointView): boolean {
    if (nowMs - this.#lastBeginMs < CYCLE_MS) return false
    this.#lastBeginMs = nowMs
    this.#cycle = {
      beginNo: nextNo,
      time: time(),
      rules: engine.stateHashes(),
      waiting: engine.dirty(),
    }
    return true
  }

  #take(cycle: Cycle, { engine, nextNo }: CheckpointView): void {
    let bytes = this.#unwritten.reduce((sum, { blob }) => sum + blob.length, 0)
    while (this.#unwritten.length < BUCKETS_MAX && bytes < BYTES_MAX) {
      const name = cycle.waiting.pop()
      if (name === undefined) return
      const blob = engine.save(name)
      this.#unwritten.push({ ...name, no: nextNo - 1, blob })
      bytes += blob.length
    }
  }
}
