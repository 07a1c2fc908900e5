import { EVENT_FLAGS } from '../../model/event.ts'
import type { EventFlag, EventView, FieldValue } from '../../model/event.ts'
import { FUTURE_CLAMP_MS } from '../../model/plain-event.ts'
import { hash64 } from '../../lib/hash64.ts'
import { selfMaterial } from '../../lib/self-marker.ts'
import type { Rejection } from '../source.ts'
import { FieldName } from './field-name.ts'
import { compactJson, cutText, numberValue, smallWhole } from './json-value.ts'
import { MAX_VALUE_BYTES } from './limits.ts'
import { FieldScan, KIND, MARK } from './scan.ts'
import { plainTimestampMs, timestampMs } from './timestamp.ts'

/**
 * Names whose place and value are remembered from one record to the next. They come from rules,
 * not from senders; a name beyond the cap is looked up anew each time.
 */
const REMEMBERED_MAX = 2_048

/**
 * The first texts that are read of a record are made one by one; who reads more of them gets parts
 * of one text of the whole record, which is cheaper per field. Not for long records: a part keeps
 * the whole alive.
 */
const SINGLE_TEXTS = 2
const WHOLE_TEXT_BYTES = 4_096

const HOST = new FieldName('host')
const SHORT_MESSAGE = new FieldName('short_message')
const MESSAGE = new FieldName('message')
const FULL_MESSAGE = new FieldName('full_message')
const SOURCE = new FieldName('source')
const TIMESTAMP = new FieldName('timestamp')
const LEVEL = new FieldName('level')
const ID = new FieldName('id')
const FORWARDER = new FieldName('forwarder')
const SELF = new FieldName('tocsin_self')
const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'prototype'].map((name) => new FieldName(name))

/** Fields whose name without underscore wins wherever it stands; else the first one does. */
const PLAIN_FIRST = new Set(['full_message', 'file', 'line', 'facility'])

/** Members that are no field of their own: known under another name, or dropped by Graylog. */
const NO_FIELD = new Set(['version', '_host', '_short_message', '__id', '_id'])

const MASK = Object.fromEntries(EVENT_FLAGS.map((flag, i) => [flag, 1 << i])) as Record<
  EventFlag,
  number
>
const FLAG_LISTS: (readonly EventFlag[])[] = Array.from(
  { length: 1 << EVENT_FLAGS.length },
  (_, mask) => EVENT_FLAGS.filter((flag) => (mask & MASK[flag]) !== 0),
)

/** Fields with a rule of their own in `#coreField`. */
const CORE = new Set(
  'source message full_message timestamp level line id graylog_id tocsin_flags version host short_message'.split(
    ' ',
  ),
)

interface Remembered {
  readonly name: FieldName
  readonly isCore: boolean
  run: number
  value: FieldValue | undefined
}

/**
 * A GELF message as an event, read in place: a view that is moved from record to record and
 * decodes a field when it is asked for. Names and values are those Graylog stores (measured on
 * Graylog 7.0.1): `host` is `source`, `short_message` is `message`, the leading underscore goes,
 * core fields win over their `_` doubles. Of a message that Graylog forwarded, `level` is `_level`
 * or none and the last `_id` is `graylog_id` (design §8).
 *
 * Differences from Graylog, all so that more is seen: booleans are kept as text, control characters
 * and trailing commas are refused, names may have any characters, whole numbers of any size and
 * null hosts are taken. A negative `level` counts as none.
 */
export class GelfEvent implements EventView {
  // NaN, so that the engine keeps these as plain doubles from the first.
  timeMs = Number.NaN
  receivedMs = Number.NaN
  isOwn = false
  readonly #scan = new FieldScan()
  readonly #verifySelf: ((marker: string, material: string) => boolean) | undefined
  readonly #remembered = new Map<string, Remembered>()
  #run = 0
  #start = 0
  #end = 0
  #flags = 0
  #text: string | undefined
  #texts = 0
  /** The sender's own time, unclamped; NaN where it gave none that is usable. */
  #ownTimeMs = Number.NaN
  #isForwarded = false

  constructor(options: { verifySelf?: (marker: string, material: string) => boolean } = {}) {
    this.#verifySelf = options.verifySelf
  }

  get flags(): readonly EventFlag[] {
    return FLAG_LISTS[this.#flags]!
  }

  /**
   * Moves the view to the record bytes[start … end). On a rejection the view holds nothing; else
   * it is valid until the next `scan` and as long as the bytes do not change.
   */
  scan(bytes: Uint8Array, start: number, end: number, receivedMs: number): Rejection | undefined {
    const buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#run++
    this.#start = start
    this.#end = end
    this.#text = undefined
    this.#texts = 0
    this.#flags = 0
    this.isOwn = false
    this.receivedMs = receivedMs
    const rejection = this.#scan.scan(buffer, start, end) ?? this.#checkCore()
    if (rejection !== undefined) {
      this.#scan.count = 0
      return rejection
    }
    this.#isForwarded = this.#value(FORWARDER.underscored(this.#scan)) !== undefined
    this.#setTime(receivedMs)
    if (this.#scan.hasDoubles) this.#flag('duplicate_key')
    for (const name of PROTOTYPE_NAMES) if (name.isIn(this.#scan)) this.#flag('prototype_key')
    if (end - start > MAX_VALUE_BYTES) this.#findCut()
    this.#checkSelf()
    return undefined
  }

  get(name: string): FieldValue | undefined {
    let known = this.#remembered.get(name)
    if (known === undefined) {
      known = { name: new FieldName(name), isCore: CORE.has(name), run: -1, value: undefined }
      if (this.#remembered.size < REMEMBERED_MAX) this.#remembered.set(name, known)
    }
    if (known.run !== this.#run) {
      known.value = known.isCore ? this.#coreField(known.name) : this.#field(known.name)
      known.run = this.#run
    }
    return known.value
  }

  names(): readonly string[] {
    const names = new Set<string>()
    for (let member = 0; member < this.#scan.count; member++) {
      const name = this.#fieldOf(this.#scan.name(member))
      if (name !== undefined && this.get(name) !== undefined) names.add(name)
    }
    if (this.#scan.count > 0) names.add('timestamp')
    if (this.#flags !== 0) names.add('tocsin_flags')
    return [...names]
  }

  /** Every field with its value, for samples and reports. No prototype: a name is only a name. */
  fields(): Record<string, FieldValue> {
    const fields = Object.create(null) as Record<string, FieldValue>
    for (const name of this.names()) fields[name] = this.get(name)!
    return fields
  }

  hash(): readonly [high: number, low: number] {
    return hash64(this.#scan.bytes, this.#start, this.#end)
  }

  /** As Graylog: a host may be missing but not be wrong, a message must be there. */
  #checkCore(): Rejection | undefined {
    const host = HOST.plain(this.#scan)
    if (this.#isMissing(host)) this.#flag('missing_source')
    else if (!this.#isSpokenText(host)) return 'host'
    const short = SHORT_MESSAGE.plain(this.#scan)
    if (!this.#isMissing(short)) {
      if (this.#scan.kinds[short] !== KIND.text) return 'message'
      if (this.#isSpokenText(short)) return undefined
    }
    return this.#isSpokenText(MESSAGE.plain(this.#scan)) ? undefined : 'message'
  }

  #setTime(receivedMs: number): void {
    const member = TIMESTAMP.plain(this.#scan)
    this.#ownTimeMs = this.#isWritten(member) ? this.#readTime(member) : Number.NaN
    const hasTime = !Number.isNaN(this.#ownTimeMs)
    this.timeMs = hasTime ? this.#ownTimeMs : receivedMs
    // Where the sender gave no time there is nothing to replace: GELF allows it.
    if (!hasTime && !this.#isMissing(member)) this.#flag('timestamp_replaced')
    if (this.timeMs > receivedMs + FUTURE_CLAMP_MS) {
      this.timeMs = receivedMs
      this.#flag('timestamp_ahead')
    }
  }

  #readTime(member: number): number {
    const { bytes, valueStart, valueEnd } = this.#scan
    const ms = plainTimestampMs(bytes, valueStart[member]!, valueEnd[member]!)
    return ms >= 0 ? ms : (timestampMs(this.#source(member)) ?? Number.NaN)
  }

  /** I12: only a marker that verifies keeps a record from the rules; any other is shown. */
  #checkSelf(): void {
    const marker = this.#value(SELF.underscored(this.#scan))
    if (marker === undefined) return
    const source = this.#whole(HOST.plain(this.#scan))
    const message = this.#whole(this.#messageMember())
    const material = selfMaterial(this.#ownTimeMs, source, message)
    this.isOwn = this.#verifySelf?.(String(marker), material) ?? false
    if (!this.isOwn) this.#flag('forged_self')
  }

  #findCut(): void {
    const { count, valueStart, valueEnd } = this.#scan
    for (let member = 0; member < count; member++) {
      if (valueEnd[member]! - valueStart[member]! <= MAX_VALUE_BYTES) continue
      if (Buffer.byteLength(this.#whole(member)) > MAX_VALUE_BYTES) this.#flag('value_cut')
    }
  }

  #field(name: FieldName): FieldValue | undefined {
    return this.#first(name) ?? this.#dotted(name.text)
  }

  #coreField(name: FieldName): FieldValue | undefined {
    switch (name.text) {
      case 'source':
        return this.#value(HOST.plain(this.#scan)) ?? this.#first(SOURCE)
      case 'message':
        return this.#scan.count === 0 ? undefined : this.#value(this.#messageMember())
      case 'full_message':
        return (
          this.#value(FULL_MESSAGE.plain(this.#scan)) ??
          this.#value(FULL_MESSAGE.underscored(this.#scan))
        )
      case 'timestamp':
        return this.#scan.count === 0 ? undefined : this.timeMs
      case 'level':
        return this.#level()
      case 'graylog_id':
        if (this.#isForwarded) return this.#value(ID.underscored(this.#scan))
        return this.#first(name)
      case 'id':
        return this.#value(ID.plain(this.#scan))
      case 'tocsin_flags':
        return this.#flags === 0 ? undefined : this.flags.join(' ')
      case 'version':
        return this.#value(name.underscored(this.#scan))
      case 'line':
        return wholeNumber(this.#first(name))
      default:
        // `host` and `short_message` have other names.
        return undefined
    }
  }

  /** The value under either spelling; where both are there, see {@link PLAIN_FIRST}. */
  #first(name: FieldName): FieldValue | undefined {
    const plain = name.plain(this.#scan)
    const underscored = name.underscored(this.#scan)
    if (plain < 0) return this.#value(underscored)
    if (underscored < 0) return this.#value(plain)
    return plain < underscored || PLAIN_FIRST.has(name.text)
      ? (this.#value(plain) ?? this.#value(underscored))
      : (this.#value(underscored) ?? this.#value(plain))
  }

  /** Graylog finds a field `a.b` under `a_b` (design §8). */
  #dotted(name: string): FieldValue | undefined {
    if (!this.#scan.hasDots || !name.includes('_')) return undefined
    for (let member = 0; member < this.#scan.count; member++) {
      const field = this.#fieldOf(this.#scan.name(member))
      if (field?.includes('.') !== true || field.replaceAll('.', '_') !== name) continue
      const value = this.#value(member)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** Name of the field that a member stands for, `undefined` when it is none. */
  #fieldOf(key: string): string | undefined {
    if (key === 'host') return 'source'
    if (key === 'short_message') return 'message'
    if (key === '_id' && this.#isForwarded) return 'graylog_id'
    if (NO_FIELD.has(key)) return undefined
    return key.startsWith('_') && key.length > 1 && key !== '__proto__' ? key.slice(1) : key
  }

  /**
   * Graylog's output says 1 for every message that had no level or a strange one; the true one is
   * in `_level` (design §8).
   */
  #level(): FieldValue | undefined {
    const forwarded = wholeNumber(this.#value(LEVEL.underscored(this.#scan)))
    if (this.#isForwarded) {
      return typeof forwarded === 'number' && forwarded >= 0 && forwarded <= 7
        ? forwarded
        : undefined
    }
    const level = wholeNumber(this.#value(LEVEL.plain(this.#scan))) ?? forwarded
    if (typeof level !== 'number') return level
    return level < 0 ? undefined : Math.trunc(level)
  }

  #messageMember(): number {
    const short = SHORT_MESSAGE.plain(this.#scan)
    return this.#isSpokenText(short) ? short : MESSAGE.plain(this.#scan)
  }

  #isMissing(member: number): boolean {
    return member < 0 || this.#scan.kinds[member] === KIND.null
  }

  #isWritten(member: number): boolean {
    return member >= 0 && this.#scan.kinds[member]! <= KIND.number
  }

  /** A text that is more than blanks. */
  #isSpokenText(member: number): boolean {
    if (member < 0 || this.#scan.kinds[member] !== KIND.text) return false
    const first = this.#scan.bytes[this.#scan.valueStart[member]!]!
    // Almost always the first byte settles it.
    if (first > 0x20 && first < 0x80 && first !== 0x5c && first !== 0x22) return true
    return this.#whole(member).trim() !== ''
  }

  /** A member's value; `undefined` for none, null and the empty text, which Graylog drops too. */
  #value(member: number): FieldValue | undefined {
    if (member < 0) return undefined
    const kind = this.#scan.kinds[member]
    if (kind === KIND.null) return undefined
    if (kind === KIND.number) {
      const { bytes, valueStart, valueEnd } = this.#scan
      const small = smallWhole(bytes, valueStart[member]!, valueEnd[member]!)
      return small >= 0 ? small : numberValue(this.#cut(member, this.#source(member)))
    }
    const text = this.#cut(member, this.#whole(member))
    return text === '' ? undefined : text
  }

  #cut(member: number, text: string): string {
    const isShort = this.#scan.valueEnd[member]! - this.#scan.valueStart[member]! <= MAX_VALUE_BYTES
    return isShort ? text : cutText(text, MAX_VALUE_BYTES)
  }

  /** A member's value as text, decoded, however long; empty for no member. */
  #whole(member: number): string {
    if (member < 0) return ''
    const { marks, kinds, bytes, valueStart, valueEnd } = this.#scan
    if (kinds[member] === KIND.container) return compactJson(this.#source(member))
    if ((marks[member]! & MARK.escaped) === 0) return this.#source(member)
    return JSON.parse(
      bytes.toString('utf8', valueStart[member]! - 1, valueEnd[member]! + 1),
    ) as string
  }

  /** A member's value as it was written. */
  #source(member: number): string {
    const { marks, bytes } = this.#scan
    const start = this.#scan.valueStart[member]!
    const end = this.#scan.valueEnd[member]!
    if ((marks[member]! & MARK.high) !== 0) return bytes.toString('utf8', start, end)
    if (this.#texts++ < SINGLE_TEXTS || this.#end - this.#start > WHOLE_TEXT_BYTES) {
      return bytes.toString('latin1', start, end)
    }
    this.#text ??= bytes.toString('latin1', this.#start, this.#end)
    return this.#text.slice(start - this.#start, end - this.#start)
  }

  #flag(flag: EventFlag): void {
    this.#flags |= MASK[flag]
  }
}

/** A whole number written as text becomes that number; anything else stays as it is. */
function wholeNumber(value: FieldValue | undefined): FieldValue | undefined {
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,15}\s*$/.test(value)) return value
  return Number(value)
}
