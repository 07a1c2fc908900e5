import { createHash } from 'node:crypto'

import { z } from 'zod'

/**
 * What Graylog's HTTP notification posts (seen on 3.3.11 and 7.0.1). Only what is needed is asked
 * for: a later Graylog may add keys, and a notification that is refused is lost for good.
 */
const notificationSchema = z.looseObject({
  event_definition_id: z.string().min(1),
  event_definition_type: z.string().optional(),
  event_definition_title: z.string().nullish(),
  event_definition_description: z.string().nullish(),
  event: z.looseObject({
    id: z.string().min(1),
    event_definition_type: z.string().nullish(),
    origin_context: z.string().nullish(),
    timestamp: z.string(),
    timerange_start: z.string().nullish(),
    timerange_end: z.string().nullish(),
    message: z.string(),
    source: z.string().nullish(),
    key: z.string().nullish(),
    priority: z.number().nullish(),
    fields: z.record(z.string(), z.unknown()).nullish(),
    group_by_fields: z.record(z.string(), z.unknown()).nullish(),
  }),
  backlog: z.array(z.looseObject({ id: z.string() })).nullish(),
})

type Notification = z.output<typeof notificationSchema>

/** What a body is: a notification, Graylog's test of the way, or why it is neither. */
export type ReadNotification =
  | { readonly kind: 'notification'; readonly record: Buffer }
  | { readonly kind: 'test' }
  | { readonly kind: 'fault'; readonly message: string }

/** `event_definition_type` of the button "Test notification", in both versions. */
const TEST_TYPE = 'test-dummy-v1'

/** Where there is no group, so that a rule may always group by it. */
const NO_GROUP = '-'

/** Backlog messages that are told of: a definition may send thousands. */
const BACKLOG_MAX = 50

/**
 * A notification as the GELF message that the rules see. Its fields are those of the event, and
 *
 * | field | is |
 * |---|---|
 * | `graylog_event` | id of the event |
 * | `graylog_definition`, `…_title` | the event definition |
 * | `graylog_group` | its group: values of `group_by_fields`, else the event's key, else `-` |
 * | `graylog_origin` | id of the message that a filter's event is about |
 * | `graylog_priority` | 1 low, 2 normal, 3 high |
 * | `graylog_from`, `graylog_to` | range of an aggregation, ms UTC |
 * | `graylog_backlog` | ids of the messages it brought, with blanks between |
 * | `graylog_fold` | the same for every notification of one thing, see {@link foldOf} |
 */
export function readNotification(body: Uint8Array): ReadNotification {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    return { kind: 'fault', message: `not JSON: ${(error as Error).message}` }
  }
  const { data, error } = notificationSchema.safeParse(value)
  if (data === undefined) {
    const { path, message } = error.issues[0]!
    const where = path.length === 0 ? 'the body' : `"${path.join('.')}"`
    return { kind: 'fault', message: `no notification of Graylog: ${where}: ${message}` }
  }
  if (data.event_definition_type === TEST_TYPE) return { kind: 'test' }
  return { kind: 'notification', record: Buffer.from(JSON.stringify(messageOf(data))) }
}

function messageOf(notification: Notification): Record<string, unknown> {
  const { event, backlog } = notification
  const seconds = timeMs(event.timestamp)
  const message: Record<string, unknown> = {
    version: '1.1',
    host: event.source || 'graylog',
    short_message: event.message || notification.event_definition_title || 'Graylog event',
    ...(seconds !== undefined && { timestamp: seconds / 1_000 }),
  }
  const own: Record<string, unknown> = {
    graylog_event: event.id,
    graylog_definition: notification.event_definition_id,
    graylog_definition_title:
      notification.event_definition_title || notification.event_definition_id,
    graylog_group: groupOf(event) ?? NO_GROUP,
    graylog_origin: originOf(event.origin_context),
    graylog_priority: event.priority,
    graylog_from: timeMs(event.timerange_start),
    graylog_to: timeMs(event.timerange_end),
    graylog_backlog: backlog
      ?.slice(0, BACKLOG_MAX)
      .map(({ id }) => id)
      .join(' '),
    graylog_fold: foldOf(notification),
  }
  // Ours last: a field of the event's own must not pass for one of them.
  for (const [name, value] of [...Object.entries(event.fields ?? {}), ...Object.entries(own)]) {
    if (value !== undefined && value !== null) message[`_${name}`] = value
  }
  return message
}

/**
 * What all notifications of one thing have in common (measured: a definition that looks back
 * further than it runs sends one message several times, each with an event id of its own): the
 * definition with the message it is about, or with group and range where it is an aggregation.
 */
function foldOf({ event_definition_id: definition, event }: Notification): string {
  const { origin_context: origin, timerange_start: from, timerange_end: to } = event
  const about = origin ? [origin] : [groupOf(event) ?? '', from ?? '', to ?? '']
  return createHash('sha256')
    .update(JSON.stringify([definition, ...about]))
    .digest('base64url')
}

/** Values of the group in the order of their names, as Graylog shows a key. */
function groupOf(event: Notification['event']): string | undefined {
  const groups = Object.entries(event.group_by_fields ?? {})
  if (groups.length === 0) return event.key || undefined
  return groups
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, value]) => String(value))
    .join('|')
}

/** `urn:graylog:message:es:INDEX:ID` → `ID`, which is the `graylog_id` of the message itself. */
function originOf(context: string | null | undefined): string | undefined {
  return /^urn:graylog:message:[^:]+:[^:]+:(.+)$/.exec(context ?? '')?.[1]
}

function timeMs(text: string | null | undefined): number | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? undefined : ms
}
