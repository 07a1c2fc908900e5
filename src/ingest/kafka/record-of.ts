import type { KafkaRecord } from './record.ts'

/** A message as kafkajs gives it. */
interface ClientMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: string
  readonly offset: string
  readonly headers?: Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>
}

type HeaderValue = Buffer | string

/** The same as our own type: numbers for texts, headers as a list. */
export function recordOf(topic: string, partition: number, message: ClientMessage): KafkaRecord {
  const { key, value, timestamp, offset, headers } = message
  return {
    topic,
    partition,
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key,
    value,
    headers: headers === undefined ? NO_HEADERS : listOf(headers),
  }
}

const NO_HEADERS: KafkaRecord['headers'] = []

function listOf(headers: NonNullable<ClientMessage['headers']>): KafkaRecord['headers'] {
  const names = Object.keys(headers)
  if (names.length === 0) return NO_HEADERS
  return names.flatMap((name) => {
    const value = headers[name]
    const values = Array.isArray(value) ? value : [value]
    return (
      values
        // A header that is named like a property of every object brings that with it.
        .filter((one) => typeof one === 'string' || one instanceof Uint8Array)
        .map((one) => [name, typeof one === 'string' ? Buffer.from(one) : one] as const)
    )
  })
}
