import type { BrokenBody, ConfirmedBody, UnverifiedRule } from './broken.ts'
import type { CommandRequest, CommandResult } from './command.ts'
import type { Disposition, Episode, EpisodeChange, Mode } from './episode.ts'
import type { EventSample } from './event.ts'
import type { GroupKey } from './group.ts'
import type { Incident, IncidentEvent, TimelineEntry } from './incident.ts'
import type { AttemptReport, Delivery } from './outbox.ts'
import type { PartitionLink, PartitionProgress, PartitionState } from './partition.ts'
import type { RulesetOrigin } from './ruleset.ts'

/** Body of an input log entry by kind (design §4.1). Everything the engine's answer depends on. */
export type LogBody =
  | {
      readonly kind: 'records'
      readonly partition: string
      /** Positions from … to (exclusive): whole slabs of one partition. */
      readonly from: number
      readonly to: number
      readonly nowMs: number
      readonly ruleset: string
      /** They broke the work twice and were left out: seen as a hole (I13). */
      readonly isLeftOut?: true
    }
  | {
      readonly kind: 'clock'
      readonly nowMs: number
      readonly partitions: readonly {
        readonly id: string
        readonly link: PartitionLink
        readonly progress: PartitionProgress
        /** Where reading of its log goes on, where that is decided here. */
        readonly offset?: number
      }[]
    }
  | {
      readonly kind: 'rules'
      readonly nowMs: number
      readonly ruleset: string
      /** Edited rules whose state was rebuilt from the journal, where there were any. */
      readonly rebuilt?: RebuildPlan
    }
  | {
      readonly kind: 'list'
      readonly nowMs: number
      readonly name: string
      readonly version: string
    }
  | BrokenBody
  | ConfirmedBody

/**
 * What the state of edited rules was rebuilt from (I8): a replay reads the same records again.
 * The rules run together, over the ranges of the one that reaches furthest back.
 */
export interface RebuildPlan {
  readonly rules: readonly string[]
  /** Those that the journal no longer held everything for, and when they will have caught up. */
  readonly warming: readonly { readonly ruleId: string; readonly untilMs: number }[]
  /** One after the other; most reloads have one, or two when a spare thread began. */
  readonly passes: readonly RebuildPass[]
}

export interface RebuildPass {
  /** Clock entries below this number, those of the passes before left out, are run too. */
  readonly clockBelow: number
  /** Positions from … to (exclusive): whole slabs. */
  readonly ranges: readonly {
    readonly partition: string
    readonly from: number
    readonly to: number
  }[]
}

/** An entry as read back: what to run again, and what the engine answered then. */
export interface LogEntry {
  readonly no: number
  readonly epoch: number
  readonly body: LogBody
  /** Hash of `src/rules`, fixed at build. */
  readonly engineVersion: string
  /** SHA-256 over the engine's effects, order-free within the entry. */
  readonly effectsHash: string
  /** The same for each rule that said something, shortened; `null` where it was not kept. */
  readonly ruleHashes: Readonly<Record<string, string>> | null
}

/** What the engine says happened in one entry. Values: a failed commit is retried with them. */
export interface Effects {
  readonly episodes: readonly EpisodeChange[]
  readonly slo: readonly SloDelta[]
  readonly ledger: readonly LedgerDelta[]
  readonly recomputes: readonly Recompute[]
}

/**
 * Matches of one group that came too late to be admitted, and after which nothing more came: what
 * they make is to be read back from the journal and recorded as `old_news` (design §4.2).
 */
export interface Recompute {
  readonly ruleId: string
  readonly ruleRev: string
  /** Hash of the rule set that has the rule's text. */
  readonly ruleset: string
  readonly group: GroupKey
  /** Event time of the earliest and the latest refused match, ms UTC. */
  readonly fromMs: number
  readonly toMs: number
  /** How far from these lie events that may belong to one episode with them: window and quiet. */
  readonly reachMs: number
  readonly refused: readonly RefusedRange[]
}

/**
 * Which matches of a partition were refused: those from position `first` to `last` (inclusive)
 * that the watermark witnessed there had passed by more than `late_by`, or that lie `below`.
 */
export interface RefusedRange {
  readonly partition: string
  readonly first: number
  readonly last: number
  /** Witnessed watermark of the partition at `first`; `null` when there was none. */
  readonly witnessedMs: number | null
  /** In order: from a position on, every match before that time was refused. */
  readonly below: readonly { readonly from: number; readonly ms: number }[]
}

/** A recompute that was committed and whose result was not. */
export interface OutstandingRecompute extends Recompute {
  /** Given by the store; rises. */
  readonly id: number
  /** What was recorded for the group within that reach before, from first to last; it may grow. */
  readonly adjoining: { readonly startMs: number; readonly endMs: number } | null
}

/** What the journal gave back for some outstanding recomputes. */
export interface RecomputeAnswer {
  /** Those that it answers: they are no longer outstanding. */
  readonly ids: readonly number[]
  readonly episodes: readonly RecomputedEpisode[]
}

/**
 * An episode as it would have been, had everything been admitted. One without late matches only
 * says how what was recorded before looks now.
 */
export interface RecomputedEpisode {
  /** Recomputes that it comes of: it counts only while they are outstanding. */
  readonly ids: readonly number[]
  /** Settled. */
  readonly episode: Episode
  readonly mode: Mode
  readonly ruleset: string
  /** Refused matches of those recomputes in the windows of its firings. */
  readonly lateMatches: number
  /** A sentence for its disposition. */
  readonly cause: string
}

/** What a commit did with recomputes. */
export interface RecomputeCounts {
  /** Asked for by the entries; without room for more outstanding ones. */
  readonly asked: number
  readonly refused: number
  /** Episodes recorded as `old_news`, those that widened one, and late matches noted on others. */
  readonly recorded: number
  readonly widened: number
  readonly noted: number
}

/** Counts of one objective in one minute of event time. */
export interface SloDelta {
  readonly slo: string
  readonly group: GroupKey
  readonly minuteMs: number
  readonly total: number
  readonly bad: number
}

/** I9: every match is counted once per rule and hour of event time. */
export interface LedgerDelta {
  readonly ruleId: string
  readonly hourMs: number
  readonly class: 'episode' | 'below' | 'skipped'
  readonly reason: 'late' | 'idle' | 'missing_group' | 'inactive' | 'cap' | 'quarantined' | null
  readonly count: number
}

export interface CommitEntry {
  readonly body: LogBody
  readonly effects: Effects
  readonly effectsHash: string
  /** See {@link LogEntry}: which rules an answer that differs is about. */
  readonly ruleHashes?: Readonly<Record<string, string>>
  /** Partitions whose state this entry changed, as they are after it. */
  readonly partitions: readonly PartitionState[]
  /**
   * Records of the entry that were gone when it was evaluated, and those that were dropped since
   * the entry before. The store folds what was dropped within a minute of the last into one row.
   */
  readonly gaps?: readonly Gap[]
  /** Records of the entry that could not be read, kept for a person to look at. */
  readonly quarantined?: readonly QuarantinedRecord[]
  /** All rules that are unverified after this entry, where it changes them (I13). */
  readonly unverified?: readonly UnverifiedRule[]
}

export interface QuarantinedRecord {
  readonly partition: string
  readonly position: number
  readonly reason: string
  /** The record as it came. */
  readonly bytes: Uint8Array
}

/** Records that are known to be missing. */
export type Gap =
  /**
   * From … to (exclusive). Of `journal` they are positions of a partition, accepted and gone from
   * the journal, else offsets of the log that the partition is read from.
   */
  | {
      readonly reason: 'journal' | LogGapReason
      readonly partition: string
      readonly from: number
      readonly to: number
    }
  | (DroppedRecords & {
      readonly reason: 'dropped'
      /** Of the partition: position of the next record to evaluate then. */
      readonly at: number
    })
  | ListeningGap

/** Records that arrived and got no position: the journal was too slow for them, or refused them. */
export interface DroppedRecords {
  readonly partition: string
  readonly records: number
  /** When the first and the last of them arrived, ms UTC. */
  readonly fromMs: number
  readonly toMs: number
}

/**
 * A time in which nothing could come through an input: nobody listened, or no sender was connected.
 * Whether anything would have come, nobody knows.
 */
export interface ListeningGap {
  readonly reason: 'down' | 'disconnected'
  readonly partition: string
  /** Of the partition: position of the next record to evaluate then. */
  readonly at: number
  readonly fromMs: number
  /** `null` while it lasts; then the same gap comes again with its end. ms UTC. */
  readonly toMs: number | null
}

/**
 * `retention`: gone from the log before they were read. `truncated`: the log ends before what was read of it. `recreated`: the log was deleted, another
 * one has its name; how much was left of it nobody knows, so `to` is `from`.
 */
export type LogGapReason = 'retention' | 'truncated' | 'recreated'

/** One transaction: one or several consecutive entries with everything that follows from them. */
export interface CommitRequest {
  /** `no` of the first entry: one above the last committed. */
  readonly firstNo: number
  readonly nowMs: number
  readonly engineVersion: string
  /** Never empty: commands alone ride on a `clock` entry. */
  readonly entries: readonly CommitEntry[]
  readonly commands: readonly CommandRequest[]
  readonly attempts: readonly AttemptReport[]
  /** Recomputes that were worked out since the last commit. */
  readonly recomputed: readonly RecomputeAnswer[]
  /** Events that opening episodes name, by record ref. */
  readonly evidence: ReadonlyMap<string, EventSample>
  /** When the inputs are known to have listened last, ms UTC; left out while they never have. */
  readonly listenedMs?: number
}

/**
 * What `decide` may look at: the stored episodes after adoption, and every incident that they or
 * the commands concern.
 */
export interface DecideInput {
  readonly nowMs: number
  /** Episodes under their stored ids; `adopted` when `opened` found a stored one. */
  readonly changes: readonly StoredChange[]
  readonly commands: readonly CommandRequest[]
  /**
   * Incidents that absorb (by `openKey`) the episodes of the changes, own one of them, are named
   * by a command, or absorb under the dedup hash of one that is. Each once, as stored.
   */
  readonly incidents: readonly Incident[]
  /** Latest incident per `dedupHash` that no longer absorbs, for `recurrence_of`. */
  readonly previous: ReadonlyMap<string, Incident>
  /**
   * Episodes per incident that are open (not cleared, settled or merged) *after* these changes
   * are applied to the stored rows. Rows that these changes insert have no incident yet and are
   * not counted.
   */
  readonly firingEpisodes: ReadonlyMap<string, number>
  /**
   * The latest episode (greatest start, then greatest id) of each of those incidents, after these
   * changes: what a report speaks of when no change of this commit says better.
   */
  readonly latestEpisodes: ReadonlyMap<string, Episode>
  readonly nextNumber: number
  readonly evidence: ReadonlyMap<string, EventSample>
}

export interface StoredChange {
  readonly change: EpisodeChange
  /** The stored row after *this* change: its id may differ from the engine's (I5). */
  readonly episode: Episode
  readonly mode: Mode
  /** The row's incident as stored before this commit. */
  readonly incidentId: string | null
  readonly adopted: boolean
}

/** What follows from it; the store writes it in the same transaction. */
export interface Decision {
  /** New and changed incidents, whole, each once; new ones have `version` 1. */
  readonly incidents: readonly Incident[]
  readonly timeline: readonly TimelineEntry[]
  readonly dispositions: readonly {
    readonly episodeId: string
    readonly disposition: Disposition
    readonly incidentId: string | null
    readonly cause: string
    readonly actor: string
  }[]
  readonly events: readonly IncidentEvent[]
  readonly deliveries: readonly Delivery[]
  readonly results: readonly CommandResult[]
}

export type Decide = (input: DecideInput) => Decision

/** Which incidents a change may concern; `decide` and the store must agree on it. */
export type OpenKeyOf = (change: EpisodeChange) => {
  openKey: string
  dedupHash: string
  mode: Mode
}

export interface CommitResult {
  readonly lastNo: number
  readonly decision: Decision
  /** Engine id → stored id, for episodes that were adopted. */
  readonly aliases: ReadonlyMap<string, string>
  readonly recomputes: RecomputeCounts
}

/**
 * Window state of one rule for one of 256 buckets of its groups by key hash, or (bucket 256) what
 * belongs to the rule as a whole. Holds the state after entry `no`; an empty blob is empty state.
 */
export interface SavedBucket {
  readonly ruleId: string
  readonly stateHash: string
  readonly bucket: number
  readonly no: number
  readonly blob: Uint8Array
}

/** Time as it stood after the entry before `checkpoint_next` (design §4.1). */
export interface TimeBucket {
  /** The rule set in force then; `null` before the first. */
  readonly ruleset: string | null
  readonly partitions: readonly PartitionState[]
  /** Watermarks of rules, which never fall, by what they read (the engine's own keys). */
  readonly watermarks: Readonly<Record<string, number>>
}

/** A complete checkpoint cycle. */
export interface CheckpointNext {
  /** The entry at which the cycle began: where a replay starts. */
  readonly no: number
  readonly time: TimeBucket
  /** Rules whose state may be used at or after `no`; every other stored bucket goes. */
  readonly rules: readonly { readonly ruleId: string; readonly stateHash: string }[]
  /** What the journal has, as read after every commit so far; left out where nobody looked. */
  readonly journal?: JournalHeld
}

/** What the journal still has: a rebuild or a backtest may read it again. */
export interface JournalHeld {
  /** Receive time of its oldest record, ms UTC; of now while it has none. */
  readonly sinceMs: number
  /** Partitions that it has records of. */
  readonly partitions: readonly string[]
}

/** What `claim` hands to the new owner of a shard. */
export interface Claim {
  readonly epoch: number
  /** `no` of the next entry to commit; the first entry of a shard has number 1. */
  readonly nextNo: number
  readonly checkpointNext: number
  readonly partitions: readonly PartitionState[]
  /** Rules that may be wrong, in order of their ids (I13). */
  readonly unverified: readonly UnverifiedRule[]
  /** When inputs of a former owner are known to have listened last, ms UTC; `null`: never. */
  readonly listenedMs: number | null
}

/** Thrown by `commit` and `claim` when a promise of our own is broken: a bug, never bad luck (I13). */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/**
 * The database could not write (disk full, I/O error, locked too long): nothing of the transaction
 * is there. `retryable`: the same request may succeed later.
 */
export class StoreWriteError extends Error {
  override readonly name = 'StoreWriteError'
  /** The database's own code: SQLite's extended result code, PostgreSQL's SQLSTATE. */
  readonly errcode: number | string
  readonly retryable: boolean

  constructor(
    message: string,
    options: { errcode: number | string; retryable: boolean; cause?: unknown },
  ) {
    super(message, { cause: options.cause })
    this.errcode = options.errcode
    this.retryable = options.retryable
  }
}

/** Thrown by `commit` when another writer owns the shard: drop everything and exit (I4). */
export class FencedError extends Error {
  override readonly name = 'FencedError'
}

/**
 * What the core needs of a database; both databases pass one contract suite. Promises, because
 * PostgreSQL answers later.
 */
export interface CoreStore {
  /**
   * Takes the shard over: raises its epoch, so the former owner's next commit is fenced. Gaps that
   * lasted end where that owner is known to have listened last.
   */
  claim(owner: string, nowMs: number): Promise<Claim>
  /**
   * Inserts the entries with their effects, decides and writes what follows, in one transaction.
   * Throws {@link FencedError}, {@link StoreWriteError} with nothing written (retry the same
   * request when it says so), {@link InvariantError}, or what `decide` threw.
   * An equal commit whose answer was lost is recognised and answered from what is stored; a
   * command id that was applied before is answered from what is stored and not decided again.
   */
  commit(request: CommitRequest, decide: Decide, openKeyOf: OpenKeyOf): Promise<CommitResult>
  /** Episodes of a rule that are not settled, in the order in which they were stored. */
  unsettledEpisodes(ruleId: string): Promise<readonly Episode[]>
  /** Entries from that number on, of one kind or of all. */
  readLog(from: number, kind?: LogBody['kind']): AsyncIterable<LogEntry>
  /**
   * Writes buckets of window state, some of a cycle's; with `next` the cycle is complete: time
   * bucket and `checkpoint_next` change in the same transaction, and state that no rule in force
   * can use goes. Throws {@link FencedError} when another owner has claimed the shard.
   *
   * Each call also removes some of what nothing needs any more, and answers whether there is
   * more: `records` entries below `checkpoint_next`; other entries below it that are older than
   * `next.journal`, but for the latest that tells the state of a partition; retired partitions
   * of which the journal has nothing.
   */
  saveCheckpoint(buckets: readonly SavedBucket[], next?: CheckpointNext): Promise<boolean>
  /** The latest complete cycle's time bucket, and every bucket that is stored. */
  loadCheckpoint(): Promise<{
    readonly time: TimeBucket | undefined
    readonly buckets: AsyncIterable<SavedBucket>
  }>
  /**
   * Content of a rule set by hash; kept from its saving until an entry names it, and as long as one
   * that is kept does, or the time bucket, or an episode. Of the origins that one content had, the latest is kept.
   * Throws {@link FencedError} when another owner has claimed the shard.
   */
  saveRuleset(
    hash: string,
    content: string,
    nowMs: number,
    origin?: RulesetOrigin | null,
  ): Promise<void>
  loadRuleset(hash: string): Promise<string | undefined>
  /** Outstanding recomputes, oldest first; the rule sets that they name are kept for them. */
  outstandingRecomputes(limit: number): Promise<readonly OutstandingRecompute[]>
  close(): Promise<void>
}
