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
import { effectsHash, ruleHashes } from './rules/effects-hash.ts'
import type { Engine, Slice } from './rules/engine.ts'
import type { Matcher } from './rules/matching/matcher.ts'
import type { PartitionTracker } from './rules/partition-tracker.ts'

/** MATCH: records of one slab in, rows out. Stateless but for the rows of the open slab. */
export class MatchStep {
  readonly #rows = new MatchBuilder()
  readonly #matcher: Matcher
  readonly #ruleset: string
  #askedBefore: number

  constructor(matcher: Matcher, ruleset: string) {
    this.#matcher = matcher
    this.#ruleset = ruleset
    this.#askedBefore = matcher.asked
  }

  record(view: EventView, ordinal: number, maxTimeMs: number): void {
    this.#matcher.match(view, ordinal, maxTimeMs, this.#rows)
  }

  /** Also when nothing matched: the slab moves the position and the watermark. */
  seal(slab: Slab, maxTimeMs: number): Matches {
    const { partition, thread, seq, receivedMs, source } = slab
    const count = slabCount(slab)
    return {
      partition,
      thread,
      seq,
      count,
      receivedMs,
      maxTimeMs,
      ruleset: this.#ruleset,
      ...(source && { source: { to: source.to, poison: source.poison } }),
      ...this.#rows.finish(),
    }
  }

  abort(): void {
    this.#rows.clear()
  }

  /** Conditions that were asked since this was asked last. */
  takeAsked(): number {
    const asked = this.#matcher.asked - this.#askedBefore
    this.#askedBefore = this.#matcher.asked
    return asked
  }
}

/**
 * CORRELATE: a slice of one partition moves windows and watermarks; what followed is a value.
 * `no` is the number of the entry that it becomes.
 */
export function correlate(
  engine: Engine,
  partitions: PartitionTracker,
  slice: Slice,
  at: { readonly nowMs: number; readonly ruleset: string; readonly no: number },
): CommitEntry {
  const { partition, from } = slice
  const { nowMs, ruleset, no } = at
  engine.apply(slice, { nowMs, partitions, no })
  let to = from
  for (const { count, maxTimeMs, receivedMs, source } of slice.matches) {
    to += count
    const offset = source && { offset: source.to }
    partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs, ...offset })
  }
  const body = { kind: 'records', partition, from, to, nowMs, ruleset } as const
  return close(engine, partitions, { body, no, changed: [partition] })
}

/** CORRELATE, without records: a partition's state changed, or only time passed. */
export function passTime(
  engine: Engine,
  partitions: PartitionTracker,
  body: LogBody & { readonly kind: 'clock' },
  no: number,
): CommitEntry {
  partitions.applyClock(body)
  return close(engine, partitions, { body, no, changed: body.partitions.map(({ id }) => id) })
}

/** CORRELATE, on a reload: what the new rule set ends or opens by itself. */
export function activate(
  engine: Engine,
  partitions: PartitionTracker,
  body: LogBody & { readonly kind: 'rules' },
  no: number,
): CommitEntry {
  return close(engine, partitions, { body, no, changed: [] })
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
  entry: { readonly body: LogBody; readonly no: number; readonly changed: readonly string[] },
): CommitEntry {
  const { body, no, changed } = entry
  engine.advance({ nowMs: body.nowMs, partitions, no })
  const effects = engine.take()
  const states = changed.flatMap((id) => partitions.state(id) ?? [])
  const hashes = { effectsHash: effectsHash(effects), ruleHashes: ruleHashes(effects) }
  return { body, effects, ...hashes, partitions: states }
}
