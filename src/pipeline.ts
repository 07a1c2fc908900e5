/**
 * The flow on one screen (design §2). Live traffic, recovery, backtest and a rule's own tests run
 * through these steps; who calls them, and with whose clock, is all that differs.
 *
 *   bytes ─ scan ─► MATCH ─► CORRELATE ─► DECIDE + COMMIT ─► (outbox) DELIVER
 */
import type {
  CommitEntry,
  CommitRequest,
  CommitResult,
  CoreStore,
  Decide,
  LogBody,
  OpenKeyOf,
} from './model/commit.ts'
import type { EventView } from './model/event.ts'
import { MatchBuilder } from './model/match-builder.ts'
import type { Matches } from './model/matches.ts'
import type { Slab } from './model/slab.ts'
import { slabCount } from './model/slab.ts'
import { effectsHash } from './rules/effects-hash.ts'
import type { Engine, Slice } from './rules/engine.ts'
import type { Matcher } from './rules/matching/matcher.ts'
import type { PartitionTracker } from './rules/partition-tracker.ts'

/** MATCH: records of one slab in, rows out. Stateless but for the rows of the open slab. */
export class MatchStep {
  readonly #rows = new MatchBuilder()
  readonly #matcher: Matcher
  readonly #ruleset: string

  constructor(matcher: Matcher, ruleset: string) {
    this.#matcher = matcher
    this.#ruleset = ruleset
  }

  record(view: EventView, ordinal: number, maxTimeMs: number): void {
    this.#matcher.match(view, ordinal, maxTimeMs, this.#rows)
  }

  /** Also when nothing matched: the slab moves the position and the watermark. */
  seal(slab: Slab, maxTimeMs: number): Matches {
    const { partition, thread, seq, receivedMs } = slab
    const count = slabCount(slab)
    return {
      partition,
      thread,
      seq,
      count,
      receivedMs,
      maxTimeMs,
      ruleset: this.#ruleset,
      ...this.#rows.finish(),
    }
  }

  abort(): void {
    this.#rows.clear()
  }
}

/** CORRELATE: a slice of one partition moves windows and watermarks; what followed is a value. */
export function correlate(
  engine: Engine,
  partitions: PartitionTracker,
  slice: Slice,
  at: { readonly nowMs: number; readonly ruleset: string },
): CommitEntry {
  const { partition, from } = slice
  engine.apply(slice, { nowMs: at.nowMs, partitions })
  let to = from
  for (const { count, maxTimeMs, receivedMs } of slice.matches) {
    to += count
    partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs: at.nowMs })
  }
  return close(engine, partitions, { kind: 'records', partition, from, to, ...at }, [partition])
}

/** CORRELATE, without records: a partition's state changed, or only time passed. */
export function passTime(
  engine: Engine,
  partitions: PartitionTracker,
  body: LogBody & { readonly kind: 'clock' },
): CommitEntry {
  partitions.applyClock(body)
  return close(
    engine,
    partitions,
    body,
    body.partitions.map(({ id }) => id),
  )
}

/** CORRELATE, on a reload: what the new rule set ends or opens by itself. */
export function activate(
  engine: Engine,
  partitions: PartitionTracker,
  body: LogBody & { readonly kind: 'rules' },
): CommitEntry {
  return close(engine, partitions, body, [])
}

/** DECIDE and COMMIT are one transaction: position, episodes, incidents, outbox, audit (I4). */
export function commit(
  store: CoreStore,
  request: CommitRequest,
  decide: Decide,
  openKeyOf: OpenKeyOf,
): Promise<CommitResult> {
  return store.commit(request, decide, openKeyOf)
}

function close(
  engine: Engine,
  partitions: PartitionTracker,
  body: LogBody,
  changed: readonly string[],
): CommitEntry {
  engine.advance({ nowMs: body.nowMs, partitions })
  const effects = engine.take()
  const states = partitions.states().filter(({ id }) => changed.includes(id))
  return { body, effects, effectsHash: effectsHash(effects), partitions: states }
}
