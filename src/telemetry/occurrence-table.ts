import type { Occurrence, OccurrenceName } from '../model/occurrence.ts'

/** `count`: no line, only the metric; for what happens once per record or per commit. */
type OccurrenceLevel = 'count' | 'debug' | 'info' | 'warn' | 'error'

/** A counter that occurrences move; several may move the same one. */
export interface OccurrenceMetric {
  /** With `tocsin_` and `_total`. */
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

/** How one occurrence moves a counter. */
export interface Counting {
  readonly metric: OccurrenceMetric
  /** Label values that the occurrence's name fixes; the others come from its labels. */
  readonly fixed?: Readonly<Record<string, string>>
  readonly when?: (occurrence: Occurrence) => boolean
}

/** What an occurrence says, how loudly, and what it counts. */
export interface OccurrenceEntry {
  readonly level: OccurrenceLevel | ((occurrence: Occurrence) => OccurrenceLevel)
  /** A sentence; `{name}` stands for a label or a detail. */
  readonly sentence: string
  readonly counts: readonly Counting[]
}

const RECEIVED = counter('input_received', 'Records that arrived, whatever became of them.', [
  'input',
])
const ACCEPTED = counter('input_accepted', 'Records taken into the journal.', [
  'input',
  'transport',
])
const REJECTED = counter('input_rejected', 'Records refused, by reason.', ['input', 'reason'])
const FLAGGED = counter('events_flagged', 'Records accepted although something was odd.', [
  'input',
  'flag',
])
const OWN = counter('input_own_records', "Records of Tocsin's own log, stored and not evaluated.", [
  'input',
])
const REFUSED_CONNECTIONS = counter(
  'input_connections_refused',
  'Connections refused, by reason.',
  ['input', 'reason'],
)
const PAUSED = counter('input_pauses', 'Times an input had to wait for the journal.', ['input'])
const KAFKA_JOINS = counter('kafka_joins', 'Times a consumer joined its group.', ['input'])
const KAFKA_REBALANCES = counter('kafka_rebalances', 'Times the group was dealt anew.', ['input'])
const KAFKA_OPENINGS = counter('kafka_openings', 'Times partitions were read on.', ['input'])
const KAFKA_TROUBLES = counter('kafka_troubles', 'Errors that the consumer went on after.', [
  'input',
])
const KAFKA_FAILURES = counter('kafka_failures', 'Consumers that ended and were made anew.', [
  'input',
  'reason',
])
const CANDIDATES = counter(
  'match_candidates',
  'Conditions of rules and objectives that were asked about records.',
  ['input'],
)
const LATE = counter('input_late', 'Matches that came too late to be admitted.', ['input'])
const SEGMENTS_OPENED = counter('journal_segments_opened', 'Journal segments begun.')
const SEGMENTS_REMOVED = counter(
  'journal_segments_removed',
  'Journal segments dropped by retention.',
)
const WRITE_FAILURES = counter('journal_write_failures', 'Journal writes that failed.')
const RECOVERIES = counter('journal_recoveries', 'Journal segments recovered at a start.')
const JOURNAL_DAMAGES = counter('journal_damages', 'Damaged parts found in the journal.')
const RETENTION_HELD = counter(
  'journal_retention_held',
  'Times retention had to keep a segment that is still needed.',
)
const DROPPED = counter(
  'journal_dropped_records',
  'Records dropped because the journal was full.',
  ['input'],
)
const COMMITS = counter('core_commits', 'Entries of the input log that were committed.')
const CHECKPOINTED = counter('core_checkpointed_buckets', 'Buckets of window state written down.')
const CHECKPOINT_FAILURES = counter(
  'core_checkpoint_failures',
  'Checkpoint writes that failed and are tried again.',
)
const GAPS = counter('journal_gap_records', 'Records gone from the journal unevaluated.', ['input'])
const ROWS_DROPPED = counter(
  'core_rows_dropped',
  'Match rows without room in memory; their slabs are matched again from the journal.',
)
const COMMIT_FAILURES = counter('core_commit_failures', 'Commits that failed and are tried again.')
const BROKEN = counter('core_invariants_broken', 'Broken invariants; each stops the process (I13).')
const REPLAY_DIFFERENCES = counter(
  'core_replay_differences',
  'Entries that this engine version answers otherwise than the one before.',
)
const SKIPPED = counter('engine_skipped', 'Matches not taken into live windows, by reason.', [
  'reason',
])
const RECOMPUTES = counter(
  'recomputes',
  'Groups with late matches to be read back, and episodes that came of it, by step.',
  ['step'],
)
const RECOMPUTES_REFUSED = counter(
  'recomputes_refused',
  'Groups whose late matches are not read back, as too many are outstanding.',
)
const RECOMPUTES_INCOMPLETE = counter(
  'recomputes_incomplete',
  'Passes over the journal that missed something of what was asked for.',
)
const RECOMPUTE_FAILURES = counter('recompute_failures', 'Passes over the journal that failed.')
const RULE_ERRORS = counter('rule_errors', 'Problems found in rule files that were refused.')
const RELOADS = counter('config_reloads', 'Configurations and rule sets taken or refused.', [
  'kind',
  'result',
])
const OPENED = counter('incidents_opened', 'Incidents opened by this process.', [
  'severity',
  'mode',
])
const CHANGES = counter('incident_changes', 'Changes of incidents by this process, by kind.', [
  'kind',
])
const ATTEMPTS = counter('webhook_attempts', 'Tries to deliver a notification.', [
  'receiver',
  'outcome',
  'reason',
])
const DELIVERIES = counter('webhook_deliveries', 'Notifications that came to an end.', [
  'receiver',
  'outcome',
])
const OUTBOX_FAILURES = counter(
  'webhook_outbox_failures',
  'Reads of the outbox and reports to it that failed.',
)
const DISABLED = counter('webhook_receivers_disabled', 'Receivers that answered 410 Gone.', [
  'receiver',
])
const HTTP_FAILURES = counter('http_failures', 'Requests that failed through a fault of ours.')
const HTTP_DENIED = counter('http_denied', 'Requests and connections refused, by reason.', [
  'reason',
])
const KERNEL_DROPPED = counter(
  'input_kernel_dropped',
  'Datagrams of an input that the kernel dropped because its buffer was full.',
  ['input'],
)
const KEYS_FORGOTTEN = counter(
  'input_idempotency_keys_forgotten',
  'Idempotency keys of an input that were forgotten before their 24 hours, for want of room.',
  ['input'],
)
const TLS_REFUSED = counter(
  'input_certificates_refused',
  'Certificate files of an input that changed and could not be used.',
  ['input'],
)
const INPUT_GAPS = counter('input_gaps', 'Gaps of an input that were found, by reason.', [
  'input',
  'reason',
])
const GAP_SECONDS = counter('input_gap_seconds', 'Time of the gaps of an input that have ended.', [
  'input',
  'reason',
])
const TELEMETRY_FAILURES = counter('telemetry_failures', 'Own telemetry that was lost, by part.', [
  'part',
])

/** The one place where an occurrence gets its level, its sentence and its metric. */
export const OCCURRENCES: Readonly<Record<OccurrenceName, OccurrenceEntry>> = {
  'input.listening': entry('info', 'input {input} is listening'),
  'input.accepted': entry('count', 'input {input} accepted records', RECEIVED, ACCEPTED),
  'input.rejected': entry('warn', 'input {input} refused a record: {reason}', RECEIVED, REJECTED),
  'input.flagged': entry('count', 'input {input} flagged a record: {flag}', FLAGGED),
  'input.own_record': entry('count', 'input {input} saw a record of our own log', OWN),
  'input.connection_refused': entry(
    'warn',
    'input {input} refused a connection: {reason}',
    REFUSED_CONNECTIONS,
  ),
  'input.test_notification': entry('info', 'Graylog tested its way to input {input}'),
  'input.kernel_dropped': entry(
    'warn',
    'datagrams of input {input} came faster than they were read, and the kernel dropped them',
    KERNEL_DROPPED,
    RECEIVED,
  ),
  'input.small_buffer': entry(
    'warn',
    'the receive buffer of input {input} is smaller than wished: bursts may be lost',
  ),
  'input.key_forgotten': entry(
    'warn',
    'input {input} forgot an Idempotency-Key before its time',
    KEYS_FORGOTTEN,
  ),
  'input.tls_renewed': entry('info', 'input {input} took renewed certificates'),
  'input.tls_refused': entry(
    'error',
    'input {input} keeps its certificates: the files cannot be used',
    TLS_REFUSED,
  ),
  'input.gap': entry('warn', 'something is missing of input {input}: {reason}', INPUT_GAPS),
  'input.gap_time': entry('count', 'a gap of input {input} has ended', GAP_SECONDS),
  'input.matched': entry('count', 'records of input {input} were matched', CANDIDATES),
  'input.late': entry('count', 'matches of input {input} came too late', LATE),
  'input.paused': entry('warn', 'input {input} waits for the journal', PAUSED),

  'kafka.joined': entry('info', 'input {input} joined its group', KAFKA_JOINS),
  'kafka.rebalancing': entry('info', 'the group of input {input} is dealt anew', KAFKA_REBALANCES),
  'kafka.opened': entry('info', 'input {input} reads its partitions on', KAFKA_OPENINGS),
  'kafka.trouble': entry('warn', 'input {input} had trouble with Kafka', KAFKA_TROUBLES),
  'kafka.failed': entry(
    'warn',
    'input {input} lost Kafka ({reason}) and tries again',
    KAFKA_FAILURES,
  ),

  'journal.segment_opened': entry('debug', 'a journal segment was begun', SEGMENTS_OPENED),
  'journal.segment_removed': entry('info', 'a journal segment was dropped', SEGMENTS_REMOVED),
  'journal.write_failed': entry('error', 'the journal could not be written', WRITE_FAILURES),
  'journal.recovered': entry('info', 'the journal was recovered', RECOVERIES),
  'journal.damaged': entry('error', 'the journal has a damaged part', JOURNAL_DAMAGES),
  'journal.retention_held': entry('warn', 'retention may not drop a segment yet', RETENTION_HELD),
  'journal.full': entry('error', 'the journal is full: records of {input} are dropped', DROPPED),

  'core.claimed': entry('info', 'the shard was claimed'),
  'core.replayed': entry('info', 'the input log was replayed'),
  'core.committed': entry('count', 'entries were committed', COMMITS),
  'core.replay_differs': entry(
    'warn',
    'another engine version answers otherwise than the log, from entry {no} on',
    REPLAY_DIFFERENCES,
  ),
  'core.checkpoint_written': entry('count', 'buckets were checkpointed', CHECKPOINTED),
  'core.checkpoint_failed': entry(
    'error',
    'a checkpoint failed and is tried again',
    CHECKPOINT_FAILURES,
  ),
  'core.gap_found': entry('error', 'records of {input} are gone from the journal', GAPS),
  'core.rows_dropped': entry('count', 'match rows had no room and are read again', ROWS_DROPPED),
  'core.commit_failed': entry('error', 'a commit failed and is tried again', COMMIT_FAILURES),
  'core.fenced': entry('error', 'another process owns the shard: this one stops'),
  'core.invariant_broken': entry('error', 'an invariant is broken: the process stops', BROKEN),
  'engine.skipped': entry('count', 'matches were skipped: {reason}', SKIPPED),
  'recompute.counted': entry('count', 'late matches were {step}', RECOMPUTES),
  'recompute.refused': entry(
    'error',
    'late matches of {count} groups are not read back: too many are outstanding',
    RECOMPUTES_REFUSED,
  ),
  'recompute.finished': entry('info', 'late matches were read back from the journal'),
  'recompute.incomplete': entry(
    'warn',
    'late matches could not all be read back from the journal',
    RECOMPUTES_INCOMPLETE,
  ),
  'recompute.failed': entry(
    'error',
    'late matches could not be read back from the journal',
    RECOMPUTE_FAILURES,
  ),

  'rules.rebuilding': entry('info', 'edited rules are being rebuilt from the journal'),
  'rules.rebuilt': entry('info', 'edited rules were rebuilt from the journal'),
  'rules.unverified': entry('error', 'rules may be wrong until they are built anew: {rules}'),
  'rules.verified': entry('info', 'rules are no longer unverified: {rules}'),
  'rules.activated': entry('info', 'the rule set was activated', reload('rules', 'success')),
  'rules.refused': entry(
    'error',
    'the rules were refused: the running ones stay',
    RULE_ERRORS,
    reload('rules', 'refused'),
  ),
  'config.reloaded': entry('info', 'the configuration was reloaded', reload('config', 'success')),
  'config.refused': entry(
    'error',
    'the configuration was refused: the running one stays',
    reload('config', 'refused'),
  ),

  'incident.opened': entry('info', 'incident #{number} was opened ({severity}): {title}', OPENED),
  'incident.changed': entry('info', 'an incident was changed: {kind}', CHANGES),
  'delivery.attempted': entry(
    (occurrence) => (wasDelivered(occurrence) ? 'debug' : 'warn'),
    'a delivery to {receiver} was tried: {outcome} {reason}',
    ATTEMPTS,
    { metric: DELIVERIES, when: wasDelivered },
  ),
  'delivery.dead': entry('error', 'a delivery to {receiver} was given up and kept', {
    metric: DELIVERIES,
    fixed: { outcome: 'dead' },
  }),
  'delivery.outbox_failed': entry('error', 'the outbox failed: {step}', OUTBOX_FAILURES),
  'receiver.disabled': entry('error', 'receiver {receiver} wants nothing more (410)', DISABLED),

  'service.started': entry('info', 'Tocsin has started'),
  'service.ready': entry('info', 'Tocsin is ready'),
  'service.stopping': entry('info', 'Tocsin is stopping'),
  'service.stopped': entry('info', 'Tocsin has stopped'),
  'service.failed': entry('error', 'Tocsin failed'),
  'http.failed': entry('error', 'a request failed', HTTP_FAILURES),
  'http.denied': entry('warn', 'a request was refused: {reason}', HTTP_DENIED),
  'telemetry.failed': entry('warn', 'own telemetry was lost: {part}', TELEMETRY_FAILURES),
}

/** Every counter of the table, each once. */
export function occurrenceMetrics(): readonly OccurrenceMetric[] {
  const counts = Object.values(OCCURRENCES).flatMap((each) => each.counts)
  return [...new Set(counts.map((counting) => counting.metric))]
}

function entry(
  level: OccurrenceEntry['level'],
  sentence: string,
  ...counts: readonly (OccurrenceMetric | Counting)[]
): OccurrenceEntry {
  return {
    level,
    sentence,
    counts: counts.map((each) => ('metric' in each ? each : { metric: each })),
  }
}

function counter(name: string, help: string, labels: readonly string[] = []): OccurrenceMetric {
  return { name: `tocsin_${name}_total`, help, labels }
}

function reload(kind: 'rules' | 'config', result: 'success' | 'refused'): Counting {
  return { metric: RELOADS, fixed: { kind, result } }
}

function wasDelivered(occurrence: Occurrence): boolean {
  return occurrence.labels?.['outcome'] === 'delivered'
}
