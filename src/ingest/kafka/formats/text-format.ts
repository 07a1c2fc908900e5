import { isUtf8 } from 'node:buffer'

import type { Decode } from '../record.ts'
import type { KafkaMembers } from './kafka-members.ts'

/** A record that is a line of text: it is the message. `source` defaults to the topic's name. */
export function textFormat(kafka: KafkaMembers, source: string | undefined): Decode {
  return (record) => {
    const value = record.value!
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (!isUtf8(bytes)) return { rejection: 'utf8' }
    const text = JSON.stringify(bytes.toString('utf8').replace(/[\r\n]+$/, ''))
    const host = JSON.stringify(source ?? record.topic)
    return {
      messages: [Buffer.from(`{"host":${host},"short_message":${text}${kafka.of(record)}}`)],
    }
  }
}
