/**
 * Every table of the database (design §5), by hand: one set of names for SQLite and PostgreSQL.
 * Times are ms UTC. Structured values are JSON text in `text` columns on both, because the two
 * disagree on what a JSON column gives back. `columns.ts` holds the same names at run time, and a
 * test compares them with what the migrations made.
 */
import type { Generated } from 'kysely'

export interface Database {
  shard: {
    shard: string
    epoch: number
    owner: string
    claimed_ms: number
    next_no: number
    checkpoint_next: number
    /** When the inputs are known to have listened last; null before they ever did. */
    listened_ms: number | null
  }
  /** The log whose primary key is the fence (design §4.1). */
  input_log: {
    shard: string
    no: number
    epoch: number
    kind: string
    body: string
    engine_version: string
    effects_hash: string
    /** Per rule, as JSON; `null` where it was not kept. */
    rule_hashes: string | null
  }
  /** Rules whose windows may be wrong (I13). */
  unverified_rule: {
    shard: string
    rule_id: string
    state_hash: string
    since_ms: number
    cause: string
  }
  /** What the shard's latest commit answered, for a commit whose answer was lost. */
  answer: { shard: string; first_no: number; last_no: number; request: string; result: string }
  command: {
    id: string
    shard: string
    no: number
    ordinal: number
    actor: string
    incident_id: string
    body: string
    expected_version: number | null
    result: string
    now_ms: number
  }
  /** Engine id → stored id, from adoption until the engine's episode settles (I5). */
  alias: { shard: string; id: string; stored_id: string }
  partition: {
    shard: string
    id: string
    input: string
    epoch: number
    next: number
    max_time_ms: number | null
    max_received_ms: number | null
    last_received_ms: number
    link: string
    progress: string
    /** The latest `clock` entry that named it. */
    said_no: number | null
    /** Of a partition read from a log: offset there of the next record to evaluate. */
    log_offset: number | null
  }
  /** Where it came from stands in the columns from `git_commit` on; `null` where that is unknown. */
  ruleset: {
    hash: string
    content: string
    created_ms: number
    git_commit: string | null
    is_dirty: number | null
    pull_request: number | null
    approver: string | null
  }
  /** What keeps a rule set: the latest entry of each kind that names it, or one still to come. */
  ruleset_use: {
    shard: string
    hash: string
    records_no: number | null
    rules_no: number | null
    /** 1 from its saving until an entry names it. */
    is_pending: number
  }
  /** State of one rule in one bucket of its groups, as it was after entry `no`. */
  checkpoint: {
    shard: string
    rule_id: string
    state_hash: string
    bucket: number
    no: number
    state: Uint8Array
  }
  /** The latest complete cycle; where it began is `checkpoint_next` of the shard. */
  checkpoint_cycle: {
    shard: string
    time_bucket: string
    /** Below it no `records` entry is left; up to `checkpoint_next` they still have to go. */
    pruned_next: number
  }
  episode: EpisodeTable
  /** Every disposition an episode ever had, in order of `seq` (I9). */
  episode_disposition: {
    seq: Generated<number>
    episode_id: string
    disposition: string
    incident_id: string | null
    cause: string
    actor: string
    at_ms: number
  }
  incident: IncidentTable
  timeline: {
    seq: Generated<number>
    incident_id: string
    at_ms: number
    kind: string
    actor: string
    text: string
    data: string | null
  }
  outbox: OutboxTable
  attempt: {
    delivery_id: string
    attempt: number
    receiver: string
    at_ms: number
    duration_ms: number
    outcome: string
    status: number | null
    reason: string | null
    detail: string | null
  }
  /** Receivers that answered 410: nothing is sent to them until a person enables them again. */
  receiver_state: { receiver: string; disabled_ms: number | null; cause: string | null }
  slo_minute: {
    slo: string
    group_key: string
    minute_ms: number
    mode: string
    total: number
    bad: number
  }
  slo_total: { slo: string; group_key: string; mode: string; total: number; bad: number }
  /**
   * Records that are known to be missing: positions from … to (exclusive) of a partition; those
   * that never got a position lie before the one that both name.
   */
  gap: {
    seq: Generated<number>
    partition: string
    from_position: number
    to_position: number
    reason: string
    found_ms: number
    records: number
    /**
     * Of those without a position: when the first and the last of them arrived. Of a time in which
     * nothing could come: from when to when, without an end while it lasts.
     */
    from_ms: number | null
    to_ms: number | null
  }
  /** Records that could not be evaluated, kept for a person to look at. */
  quarantine: {
    seq: Generated<number>
    partition: string
    position: number
    reason: string
    detail: string
    bytes: Uint8Array
    at_ms: number
  }
  /** I9: every match counted once. `reason` is empty where the class has none. */
  ledger: { rule_id: string; hour_ms: number; class: string; reason: string; n: number }
  /** Late matches that are to be read back; gone once the answer is committed (design §4.2). */
  recompute: {
    id: Generated<number>
    shard: string
    no: number
    rule_id: string
    rule_rev: string
    ruleset: string
    group_key: string
    from_ms: number
    to_ms: number
    reach_ms: number
    refused: string
  }
  audit: {
    writer: string
    seq: number
    at_ms: number
    actor: string
    action: string
    subject: string
    data: string
    hash: string
  }
}

interface EpisodeTable {
  /** Order of insertion: what paging goes by. */
  seq: Generated<number>
  id: string
  rule_id: string
  rule_rev: string
  /** Rule set of the entry that inserted it; `null` when that entry names none. */
  ruleset: string | null
  group_key: string
  group_json: string
  opened_ref: string
  first_ref: string
  last_ref: string
  state: string
  start_ms: number
  end_ms: number
  matches: number
  firings: number
  peak: number
  value: number
  severity: string
  flags: string
  mode: string
  incident_id: string | null
  disposition: string | null
  /** 1 once it was adopted: from then on it only grows. */
  widened: number
  /** The survivor, when another episode absorbed it. */
  merged_into: string | null
  /** 1: recorded as `old_news` by a recompute; nothing adopts it. */
  recomputed: Generated<number>
  /** Refused matches in the windows of its firings, as far as they were read back. */
  late_matches: Generated<number>
  /** The stretch that it would cover with them; `null` where it has none. */
  late_from_ms: number | null
  late_to_ms: number | null
}

interface IncidentTable {
  id: string
  number: number
  open_key: string | null
  dedup_hash: string
  mode: string
  title: string
  rule_id: string
  group_json: string
  labels: string
  severity: string
  signal: string
  phase: string
  cycle: number
  procedure: string
  opened_ms: number
  first_event_ms: number
  signals_clear_ms: number | null
  acknowledged_ms: number | null
  acknowledged_by: string | null
  closed_ms: number | null
  dismissal: string | null
  recurrence_of: string | null
  sequence: number
  version: number
  /** The report of the event that opened it, as it was sent. */
  report: string | null
}

interface OutboxTable {
  seq: Generated<number>
  id: string
  receiver: string
  incident_id: string
  order_key: string
  sequence: number
  type: string
  body: string
  created_ms: number
  state: string
  /** Attempts made so far. */
  attempt: number
  next_ms: number | null
  last_status: number | null
  last_reason: string | null
  last_detail: string | null
}
