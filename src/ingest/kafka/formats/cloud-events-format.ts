import { isUtf8 } from 'node:buffer'

import { splitBulk } from '../../gelf/bulk.ts'
import { KIND } from '../../normalise/json-bytes.ts'
import { FieldScan } from '../../normalise/scan.ts'
import type { Rejection } from '../../source.ts'
import type { Decode, KafkaRecord } from '../record.ts'
import { asText, gelfMember, isSpoken } from './gelf-members.ts'
import { escapedName, jsonMembers } from './json-members.ts'
import type { KafkaMembers } from './kafka-members.ts'
import { jsonText } from './kafka-members.ts'
import { gelfSeconds } from './record-time.ts'

const STRUCTURED = 'application/cloudevents'
const BATCH = 'application/cloudevents-batch'

/** Attributes by name (values as JSON), and the data with what it is. */
interface CloudEvent {
  readonly attributes: ReadonlyMap<string, string>
  readonly data?: { readonly kind: 'json' | 'text'; readonly source: string }
}

type Read = CloudEvent | { readonly rejection: Rejection }

/**
 * CloudEvents 1.0 in the Kafka protocol binding: binary (attributes in `ce_` headers), structured
 * JSON, and JSON batches. Attributes become `ce_…` fields, `source` the event's source, `time` its
 * time; an object as data becomes fields `data.…`, anything else the field `data`. The message is
 * the data's `message` (a path may be given), the data where it is a text, else type and subject.
 * One bad event of a batch refuses the record: half of a record cannot be put aside.
 */
export function cloudEventsFormat(kafka: KafkaMembers, message: string): Decode {
  const messagePath = `data.${escapedName(message)}`
  const scan = new FieldScan()
  return (record) => {
    const read = readRecord(record, scan)
    if ('rejection' in read) return read
    const messages: Uint8Array[] = []
    for (const event of read) {
      if (!isComplete(event)) return { rejection: 'cloud_event' }
      messages.push(Buffer.from(`{${gelfMembers(event, messagePath)}${kafka.of(record)}}`))
    }
    return { messages }
  }
}

function readRecord(
  record: KafkaRecord,
  scan: FieldScan,
): readonly CloudEvent[] | { readonly rejection: Rejection } {
  const type = (headerText(record, 'content-type') ?? '').toLowerCase().split(';')[0]!.trim()
  const value = record.value ?? new Uint8Array(0)
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (type.startsWith(BATCH)) return readBatch(bytes, scan)
  const isStructured =
    type.startsWith(STRUCTURED) || headerText(record, 'ce_specversion') === undefined
  const read = isStructured ? readStructured(bytes, scan) : readBinary(record, type, bytes, scan)
  return 'rejection' in read ? read : [read]
}

function readBatch(
  bytes: Buffer,
  scan: FieldScan,
): readonly CloudEvent[] | { readonly rejection: Rejection } {
  const bulk = splitBulk(bytes, false)
  if ('reason' in bulk) return { rejection: bulk.reason === 'json' ? 'json' : 'too_long' }
  if (bulk.form !== 'array') return { rejection: 'cloud_event' }
  const events: CloudEvent[] = []
  for (const [i, start] of bulk.starts.entries()) {
    const read = readStructured(bytes.subarray(start, bulk.ends[i]), scan)
    if ('rejection' in read) return read
    events.push(read)
  }
  return events
}

function readStructured(bytes: Buffer, scan: FieldScan): Read {
  const rejection = scan.scan(bytes, 0, bytes.length)
  if (rejection !== undefined) return { rejection }
  const attributes = new Map<string, string>()
  let data: CloudEvent['data']
  for (let member = 0; member < scan.count; member++) {
    const name = scan.name(member)
    const source = sourceOf(scan, bytes, member)
    if (source === 'null') continue
    if (name === 'data') data = { kind: source.startsWith('"') ? 'text' : 'json', source }
    else if (name === 'data_base64') data = { kind: 'text', source: fromBase64(source) }
    else attributes.set(name, source)
  }
  return { attributes, ...(data && { data }) }
}

/** A member's value as written; the scan leaves a text's quotes out. */
function sourceOf(scan: FieldScan, bytes: Buffer, member: number): string {
  const start = scan.valueStart[member]!
  const isText = scan.kinds[member] === KIND.text
  return bytes.toString('utf8', isText ? start - 1 : start, scan.valueEnd[member]! + Number(isText))
}

/** What the base64 holds as a JSON text; itself where that is no text. */
function fromBase64(source: string): string {
  const written = source.startsWith('"') ? (JSON.parse(source) as string) : source
  return jsonText(Buffer.from(written, 'base64'))
}

function readBinary(record: KafkaRecord, type: string, bytes: Buffer, scan: FieldScan): Read {
  const attributes = new Map<string, string>()
  for (const [name, value] of record.headers.slice(0, MAX_ATTRIBUTES)) {
    if (!name.startsWith('ce_')) continue
    if (!isUtf8(Buffer.from(value))) return { rejection: 'utf8' }
    attributes.set(name.slice(3), jsonText(value))
  }
  if (type !== '') attributes.set('datacontenttype', JSON.stringify(type))
  if (record.value === null || bytes.length === 0) return { attributes }
  if (!/[/+]json$/.test(type))
    return { attributes, data: { kind: 'text', source: jsonText(bytes) } }
  // Within an object any JSON value can be checked by the one scan that there is.
  const wrapped = Buffer.concat([Buffer.from('{"data":'), bytes, Buffer.from('}')])
  const rejection = scan.scan(wrapped, 0, wrapped.length)
  if (rejection !== undefined) return { rejection }
  // A second member can only come from outside of the value.
  if (scan.count !== 1 || scan.hasDoubles) return { rejection: 'json' }
  const source = sourceOf(scan, wrapped, 0)
  return { attributes, data: { kind: source.startsWith('"') ? 'text' : 'json', source } }
}

/** Headers that are looked at; more than any client writes (row K5). */
const MAX_ATTRIBUTES = 64

function headerText(record: KafkaRecord, name: string): string | undefined {
  const found = record.headers.slice(0, MAX_ATTRIBUTES).find(([key]) => key.toLowerCase() === name)
  return found && Buffer.from(found[1]).toString('utf8')
}

/** Version 1.0 with all four attributes that every event must have. */
function isComplete({ attributes }: CloudEvent): boolean {
  const isThere = (name: string) => {
    const source = attributes.get(name)
    return isSpoken(source) && source.startsWith('"')
  }
  return attributes.get('specversion') === '"1.0"' && ['id', 'source', 'type'].every(isThere)
}

/** The event as GELF members, the first without a comma. */
function gelfMembers({ attributes, data }: CloudEvent, messagePath: string): string {
  let message: string | undefined
  let members = `,"host":${attributes.get('source')}`
  const time = attributes.get('time')
  if (time?.startsWith('"') === true) {
    members += `,"timestamp":${gelfSeconds(JSON.parse(time) as string) ?? time}`
  }
  for (const [name, source] of attributes) members += `,"ce_${escapedName(name)}":${source}`
  if (data !== undefined && data.source.startsWith('{')) {
    for (const member of jsonMembers(data.source, 'data.')) {
      if (member.path === messagePath) message = member.source
      members += gelfMember(member)
    }
  } else if (data !== undefined) {
    members += `,"data":${data.source}`
    if (data.kind === 'text') message = data.source
  }
  const type = JSON.parse(attributes.get('type')!) as string
  const subject = attributes.get('subject')
  const about = subject?.startsWith('"') === true ? ` ${JSON.parse(subject) as string}` : ''
  const short = isSpoken(message) ? asText(message) : JSON.stringify(`${type}${about}`)
  return `"short_message":${short}${members}`
}
