/**
 * A field's value once decoded: text, or a number that JSON text and `number` agree on. Booleans
 * and nested values are kept as their JSON text, a number that cannot be held exactly as its
 * source text; null counts as missing.
 */
export type FieldValue = string | number

/**
 * What was odd about a record and was not allowed to pass silently. Shown with the event,
 * counted as `tocsin_events_flagged_total{flag}`, and queryable as the field `tocsin_flags`.
 */
export const EVENT_FLAGS = [
  'missing_source',
  'missing_message',
  'timestamp_replaced',
  'timestamp_ahead',
  'duplicate_key',
  'value_cut',
  'prototype_key',
  'forged_self',
] as const

export type EventFlag = (typeof EVENT_FLAGS)[number]

/**
 * One event as the conditions see it: Graylog's field names (`source`, `message`, `level`,
 * `timestamp`, then the additional fields without their underscore). A view is reused for the
 * next record: read what you need, keep nothing of it.
 */
export interface EventView {
  /** Event time in ms UTC, after the future clamp (design §4.2). */
  readonly timeMs: number
  /** When our socket (or Kafka) received it, ms UTC. */
  readonly receivedMs: number
  readonly flags: readonly EventFlag[]
  /** True for a record of Tocsin's own log whose marker verified (I12): stored, never evaluated. */
  readonly isOwn: boolean
  /** The value of a field, `undefined` when missing. A name with a dot is also found by `_`. */
  get(name: string): FieldValue | undefined
  /** Every field that is there, each once, in the record's order. */
  names(): readonly string[]
  /** 64-bit hash of the record's bytes as two unsigned 32-bit halves: the order's second key. */
  hash(): readonly [high: number, low: number]
}

/** An event as plain data, for reports, webhooks and pages. */
export interface EventSample {
  /** `partition:position`. */
  readonly ref: string
  readonly timeMs: number
  readonly receivedMs: number
  readonly flags: readonly EventFlag[]
  readonly fields: Readonly<Record<string, FieldValue>>
}
