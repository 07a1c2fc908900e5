/**
 * Something worth a log line, a metric, or both. Every part reports through {@link Report};
 * telemetry owns the table from name to level, sentence and metric, so the two cannot drift.
 */
export interface Occurrence {
  readonly name: OccurrenceName
  /** Labels of the metric: only values of closed sets (input, rule and receiver names, reasons). */
  readonly labels?: Readonly<Record<string, string>>
  /** How often it happened; default 1. */
  readonly count?: number
  /** Facts for the log line only. Never a secret, never an event's text unescaped. */
  readonly detail?: Readonly<Record<string, unknown>>
}

export type Report = (occurrence: Occurrence) => void

export type OccurrenceName =
  // intake
  | 'input.listening'
  | 'input.accepted' // labels: input, transport
  | 'input.rejected' // labels: input, reason
  | 'input.flagged' // labels: input, flag
  | 'input.own_record' // labels: input
  | 'input.connection_refused' // labels: input, reason
  | 'input.paused' // labels: input
  | 'input.matched' // labels: input; count: conditions asked
  | 'input.late' // labels: input; count: matches
  | 'input.test_notification' // labels: input
  | 'input.kernel_dropped' // labels: input; count: datagrams
  | 'input.small_buffer' // labels: input
  | 'input.key_forgotten' // labels: input
  | 'input.tls_renewed' // labels: input
  | 'input.tls_refused' // labels: input
  | 'input.gap' // labels: input, reason
  | 'input.gap_time' // labels: input, reason; count: seconds
  | 'kafka.joined' // labels: input; detail: partitions
  | 'kafka.rebalancing' // labels: input
  | 'kafka.opened' // labels: input; detail: offsets
  | 'kafka.trouble' // labels: input; detail: message
  | 'kafka.failed' // labels: input, reason; detail: message, retryMs
  // journal
  | 'journal.segment_opened'
  | 'journal.segment_removed'
  | 'journal.write_failed'
  | 'journal.recovered'
  | 'journal.damaged'
  | 'journal.retention_held'
  | 'journal.full' // labels: input
  // core
  | 'core.claimed'
  | 'core.replayed'
  | 'core.committed' // count: entries
  | 'core.replay_differs' // count: entries
  | 'core.gap_found' // labels: input; count: records
  | 'core.rows_dropped'
  | 'core.checkpoint_written' // count: buckets
  | 'core.checkpoint_failed'
  | 'core.commit_failed'
  | 'core.fenced'
  | 'core.invariant_broken'
  | 'engine.skipped' // labels: reason
  | 'recompute.counted' // labels: step (asked, recorded, widened, noted)
  | 'recompute.refused' // count: groups
  | 'recompute.finished' // detail: groups, episodes, records, missingBeforeMs, isCut
  | 'recompute.incomplete' // the same
  | 'recompute.failed' // detail: error, groups, isGivenUp
  // rules and configuration
  | 'rules.activated'
  | 'rules.rebuilding' // detail: rules, sinceMs
  | 'rules.rebuilt' // detail: rules, records, missing, warming, episodes
  | 'rules.unverified' // detail: rules, cause
  | 'rules.verified' // detail: rules, how
  | 'rules.refused'
  | 'config.reloaded'
  | 'config.refused'
  // incidents and delivery
  | 'incident.opened' // labels: severity, mode
  | 'incident.changed' // labels: kind
  | 'delivery.attempted' // labels: receiver, outcome, reason
  | 'delivery.dead' // labels: receiver
  | 'delivery.outbox_failed' // labels: step (read, report)
  | 'receiver.disabled' // labels: receiver
  // the process
  | 'service.started'
  | 'service.ready'
  | 'service.stopping'
  | 'service.stopped'
  | 'service.failed'
  | 'http.failed'
  | 'http.denied' // labels: reason
  | 'telemetry.failed' // labels: part
