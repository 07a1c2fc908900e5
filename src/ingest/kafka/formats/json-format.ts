import { FieldScan } from '../../normalise/scan.ts'
import type { Decode } from '../record.ts'
import { asText, gelfMember, isSpoken } from './gelf-members.ts'
import { escapedName, jsonMembers } from './json-members.ts'
import type { KafkaMembers } from './kafka-members.ts'
import { gelfSeconds } from './record-time.ts'

/** Which fields of a record say when, where and what; dotted paths. */
export interface JsonMapping {
  readonly time: string
  readonly source: string
  readonly message: string
}

/** Of a record without a message, so much of its text is the message, in UTF-16 code units. */
const OWN_TEXT_UNITS = 1_024

/**
 * A record that is a JSON object: each value becomes a field under its dotted path, three of them
 * by the mapping become time, source and message. A record without a message has its own text for
 * one, cut; a time that cannot be read stays as written, which flags the event.
 */
export function jsonFormat(kafka: KafkaMembers, mapping: JsonMapping): Decode {
  const scan = new FieldScan()
  const paths = {
    time: escapedName(mapping.time),
    source: escapedName(mapping.source),
    message: escapedName(mapping.message),
  }
  return (record) => {
    const value = record.value!
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const rejection = scan.scan(bytes, 0, bytes.length)
    if (rejection !== undefined) return { rejection }
    const text = bytes.toString('utf8')
    let time = ''
    let source = ''
    let message: string | undefined
    let others = ''
    for (const member of jsonMembers(text)) {
      if (member.path === paths.time) time = timeMember(member.source)
      else if (member.path === paths.source) source = sourceMember(member.source)
      else if (member.path === paths.message) message = member.source
      else others += gelfMember(member)
    }
    const short = isSpoken(message) ? asText(message) : JSON.stringify(beginning(text))
    const event = `{"short_message":${short}${source}${time}${others}${kafka.of(record)}}`
    return { messages: [Buffer.from(event)] }
  }
}

function timeMember(source: string): string {
  const text = source.startsWith('"') ? (JSON.parse(source) as string) : source
  return `,"timestamp":${gelfSeconds(text) ?? source}`
}

function sourceMember(source: string): string {
  return isSpoken(source) ? `,"host":${asText(source)}` : ''
}

/** The first part of a text that splits no character. */
function beginning(text: string): string {
  const end = OWN_TEXT_UNITS
  const isSplit = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800
  return text.slice(0, isSplit ? end - 1 : end)
}
