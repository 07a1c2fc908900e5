import type { Decode } from '../record.ts'
import type { KafkaMembers } from './kafka-members.ts'

/**
 * A record that is a GELF message already: the same bytes, and behind its last member where it
 * stood in Kafka. Whether they are a message at all is found out when they are scanned, as for any
 * input: what is put in makes no bad text good.
 */
export function gelfFormat(kafka: KafkaMembers): Decode {
  return (record) => {
    const value = record.value!
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const close = bytes.lastIndexOf(0x7d)
    // No object, or one of too few bytes: let the scan say what it is.
    if (close < 1) return { messages: [bytes] }
    let members = kafka.of(record)
    // A sender's own `kafka_…` must not win over ours, and which spelling wins depends on which
    // comes first: so ours then comes in both.
    if (bytes.includes('kafka_') || bytes.includes('\\u')) {
      members += members.replaceAll(',"_kafka_', ',"kafka_')
    }
    const isEmpty = bytes[lastBefore(bytes, close)] === 0x7b
    const added = Buffer.from(isEmpty ? members.slice(1) : members)
    return { messages: [Buffer.concat([bytes.subarray(0, close), added, bytes.subarray(close)])] }
  }
}

/** Place of the last byte before this one that is no space. */
function lastBefore(bytes: Buffer, end: number): number {
  let i = end - 1
  while (i > 0 && bytes[i]! <= 0x20) i--
  return i
}
