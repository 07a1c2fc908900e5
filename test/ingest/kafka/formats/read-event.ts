import { topicSchema } from '../../../../src/ingest/kafka/format-settings.ts'
import { decoderOf } from '../../../../src/ingest/kafka/formats.ts'
import type { Decode, KafkaRecord } from '../../../../src/ingest/kafka/record.ts'
import { GelfEvent } from '../../../../src/ingest/normalise/gelf-event.ts'
import type { FieldValue } from '../../../../src/model/event.ts'

/** When the records of these tests are received, ms UTC. */
export const RECEIVED_MS = Date.UTC(2026, 10, 24, 8, 5)

/** What a topic with these settings makes of records. */
export function format(settings: Readonly<Record<string, unknown>> | string): Decode {
  const written = typeof settings === 'string' ? { format: settings } : settings
  return decoderOf(topicSchema.parse({ topic: 'orders', ...written }))
}

/** A record of the topic `orders`, partition 2, offset 7, with this value. */
export function record(
  value: string | Uint8Array | null,
  more: Partial<KafkaRecord> & { readonly named?: Readonly<Record<string, string>> } = {},
): KafkaRecord {
  const { named = {}, ...rest } = more
  return {
    topic: 'orders',
    partition: 2,
    offset: 7,
    timestampMs: RECEIVED_MS,
    key: null,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: Object.entries(named).map(([name, text]) => [name, Buffer.from(text)]),
    ...rest,
  }
}

export interface ReadEvent {
  readonly fields: Readonly<Record<string, FieldValue>>
  readonly timeMs: number
  readonly flags: readonly string[]
}

/** The events of a record as every later step sees them, or why there are none. */
export function read(decode: Decode, from: KafkaRecord): ReadEvent[] | string {
  const decoded = decode(from)
  if ('rejection' in decoded) return decoded.rejection
  const events: ReadEvent[] = []
  for (const message of decoded.messages) {
    const event = new GelfEvent()
    const rejection = event.scan(message, 0, message.length, RECEIVED_MS)
    if (rejection !== undefined) return rejection
    events.push({ fields: { ...event.fields() }, timeMs: event.timeMs, flags: event.flags })
  }
  return events
}

/** The fields of the one event of a record, without the time and where it stood in Kafka. */
export function fieldsOf(decode: Decode, from: KafkaRecord): Record<string, FieldValue> | string {
  const events = read(decode, from)
  if (typeof events === 'string') return events
  if (events.length !== 1) return `${events.length} events`
  return Object.fromEntries(
    Object.entries(events[0]!.fields).filter(
      ([name]) => name !== 'timestamp' && !/^kafka_(topic|partition|offset)$/.test(name),
    ),
  )
}
