import { isUtf8 } from 'node:buffer'

import { cutText } from '../../normalise/json-value.ts'
import { MAX_VALUE_BYTES } from '../../normalise/limits.ts'
import type { KafkaRecord } from '../record.ts'

/** Headers of a record that are looked at; a record with more has them ignored (row K5). */
const MAX_HEADERS = 64

/**
 * Where a record stood, as members of a GELF message, each with a comma before it: topic,
 * partition, offset, key and the headers that were chosen, as `_kafka_…`.
 */
export class KafkaMembers {
  readonly #headers: ReadonlyMap<string, string>
  #place = ''
  #placeOf: readonly [topic: string, partition: number] = ['', -1]

  /** `headers`: names of headers that become fields. */
  constructor(headers: readonly string[]) {
    this.#headers = new Map(headers.map((name) => [name.toLowerCase(), headerField(name)]))
  }

  of(record: KafkaRecord): string {
    const { topic, partition, offset, key } = record
    if (this.#placeOf[0] !== topic || this.#placeOf[1] !== partition) {
      this.#placeOf = [topic, partition]
      this.#place = `,"_kafka_topic":${JSON.stringify(topic)},"_kafka_partition":${partition}`
    }
    const keyMember = key === null ? '' : `,"_kafka_key":${jsonText(key)}`
    return `${this.#place},"_kafka_offset":${offset}${keyMember}${this.#headersOf(record)}`
  }

  #headersOf({ headers }: KafkaRecord): string {
    if (this.#headers.size === 0) return ''
    // The last of a repeated header is the valid one.
    const found = new Map<string, string>()
    for (const [name, value] of headers.slice(0, MAX_HEADERS)) {
      const field = this.#headers.get(name.toLowerCase())
      if (field !== undefined) found.set(field, jsonText(value))
    }
    return [...found].map(([field, text]) => `,${JSON.stringify(`_${field}`)}:${text}`).join('')
  }
}

/** The field that a header becomes. */
export function headerField(name: string): string {
  return `kafka_header_${name.toLowerCase().replaceAll('-', '_')}`
}

/** Bytes as a JSON text: what they say, or base64 where they are no UTF-8. */
export function jsonText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = isUtf8(buffer) ? buffer.toString('utf8') : buffer.toString('base64')
  return JSON.stringify(cutText(text, MAX_VALUE_BYTES))
}
