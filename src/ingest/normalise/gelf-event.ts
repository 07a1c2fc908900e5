import { EVENT_FLAGS } from '../../model/event.ts'
import type { EventFlag, EventView, FieldValue } from '../../model/event.ts'
import { FUTURE_CLAMP_MS } from '../../model/plain-event.ts'
import { hash64 } from '../../lib/hash64.ts'
import { selfMaterial } from '../../lib/self-marker.ts'
import type { Rejection } from '../source.ts'
import { FieldName } from './field-name.ts'
import { MAX_VALUE_BYTES } from './limits.ts'
import { KIND } from './json-bytes.ts'
import { MemberValues } from './member-values.ts'
import { FieldScan } from './scan.ts'
import { plainTimestampMs, timestampMs } from './timestamp.ts'

/**
 * Names that are kept from one record to the next, each with its latest value (64 MiB if all were
 * as long as they may be). They come from rules, not from senders; a name beyond the cap is looked
 * up anew each time.
 */
const REMEMBERED_MAX = 2_048

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

interface Remembered {
  readonly name: FieldName
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
  readonly #values = new MemberValues(this.#scan)
  readonly #verifySelf: ((marker: string, material: string) => boolean) | undefined
  readonly #remembered = new Map<string, Remembered>()
  #run = 0
  #start = 0
  #end = 0
  #flags = 0
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
    this.#values.begin(start, end)
    this.#flags = 0
    this.isOwn = false
    this.receivedMs = receivedMs
    const rejection = this.#scan.scan(buffer, start, end) ?? this.#checkCore()
    if (rejection !== undefined) {
      this.#scan.count = 0
      this.#flags = 0
      return rejection
    }
    this.#isForwarded = this.#values.value(FORWARDER.underscored(this.#scan)) !== undefined
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
      if (this.#remembered.size >= REMEMBERED_MAX) return this.#read(new FieldName(name))
      known = { name: new FieldName(name), run: -1, value: undefined }
      this.#remembered.set(name, known)
    }
    if (known.run !== this.#run) {
      known.value = this.#read(known.name)
      known.run = this.#run
    }
    return known.value
  }

  names(): readonly string[] {
    return [...this.#all().keys()]
  }

  /** Every field with its value, for samples and reports. No prototype: a name is only a name. */
  fields(): Record<string, FieldValue> {
    const fields = Object.create(null) as Record<string, FieldValue>
    for (const [name, value] of this.#all()) fields[name] = value
    return fields
  }

  hash(): readonly [high: number, low: number] {
    return hash64(this.#scan.bytes, this.#start, this.#end)
  }

  /** As Graylog: a host may be missing but not be wrong, a message must be there. */
  #checkCore(): Rejection | undefined {
    const host = HOST.plain(this.#scan)
    if (this.#values.isMissing(host)) this.#flag('missing_source')
    else if (!this.#values.isSpokenText(host)) return 'host'
    const short = SHORT_MESSAGE.plain(this.#scan)
    if (!this.#values.isMissing(short)) {
      if (this.#scan.kinds[short] !== KIND.text) return 'message'
      if (this.#values.isSpokenText(short)) return undefined
    }
    return this.#values.isSpokenText(MESSAGE.plain(this.#scan)) ? undefined : 'message'
  }

  #setTime(receivedMs: number): void {
    const member = TIMESTAMP.plain(this.#scan)
    this.#ownTimeMs = this.#values.isWritten(member) ? this.#readTime(member) : Number.NaN
    const hasTime = !Number.isNaN(this.#ownTimeMs)
    this.timeMs = hasTime ? this.#ownTimeMs : receivedMs
    // Where the sender gave no time there is nothing to replace: GELF allows it.
    if (!hasTime && !this.#values.isMissing(member)) this.#flag('timestamp_replaced')
    if (this.timeMs > receivedMs + FUTURE_CLAMP_MS) {
      this.timeMs = receivedMs
      this.#flag('timestamp_ahead')
    }
  }

  #readTime(member: number): number {
    const { bytes, valueStart, valueEnd } = this.#scan
    const ms = plainTimestampMs(bytes, valueStart[member]!, valueEnd[member]!)
    return ms >= 0 ? ms : (timestampMs(this.#values.source(member)) ?? Number.NaN)
  }

  /** I12: only a marker that verifies keeps a record from the rules; any other is shown. */
  #checkSelf(): void {
    const marker = this.#values.value(SELF.underscored(this.#scan))
    if (marker === undefined) return
    const material = selfMaterial(this.#ownTimeMs, this.fields())
    this.isOwn = this.#verifySelf?.(String(marker), material) ?? false
    if (!this.isOwn) this.#flag('forged_self')
  }

  #findCut(): void {
    const { count, valueStart, valueEnd } = this.#scan
    for (let member = 0; member < count; member++) {
      if (valueEnd[member]! - valueStart[member]! <= MAX_VALUE_BYTES) continue
      if (Buffer.byteLength(this.#values.whole(member)) > MAX_VALUE_BYTES) this.#flag('value_cut')
    }
  }

  #all(): Map<string, FieldValue> {
    const all = new Map<string, FieldValue>()
    const add = (name: string | undefined) => {
      if (name === undefined || all.has(name)) return
      // Not by `get`: names that senders choose are not to be remembered.
      const value = this.#read(new FieldName(name))
      if (value !== undefined) all.set(name, value)
    }
    for (let member = 0; member < this.#scan.count; member++) {
      add(this.#fieldOf(this.#scan.name(member)))
    }
    add('timestamp')
    add('tocsin_flags')
    return all
  }

  #read(name: FieldName): FieldValue | undefined {
    return name.isCore ? this.#coreField(name) : (this.#first(name) ?? this.#dotted(name.text))
  }

  #coreField(name: FieldName): FieldValue | undefined {
    switch (name.text) {
      case 'source':
        return this.#values.value(HOST.plain(this.#scan)) ?? this.#first(SOURCE)
      case 'message':
        return this.#scan.count === 0 ? undefined : this.#values.value(this.#messageMember())
      case 'full_message':
        return (
          this.#values.value(FULL_MESSAGE.plain(this.#scan)) ??
          this.#values.value(FULL_MESSAGE.underscored(this.#scan))
        )
      case 'timestamp':
        return this.#scan.count === 0 ? undefined : this.timeMs
      case 'level':
        return this.#level()
      case 'graylog_id':
        if (this.#isForwarded) return this.#values.value(ID.underscored(this.#scan))
        return this.#first(name)
      case 'id':
        return this.#values.value(ID.plain(this.#scan))
      case 'tocsin_flags':
        return this.#flags === 0 ? undefined : this.flags.join(' ')
      case 'version':
        return this.#values.value(name.underscored(this.#scan))
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
    if (plain < 0) return this.#values.value(underscored)
    if (underscored < 0) return this.#values.value(plain)
    return plain < underscored || PLAIN_FIRST.has(name.text)
      ? (this.#values.value(plain) ?? this.#values.value(underscored))
      : (this.#values.value(underscored) ?? this.#values.value(plain))
  }

  /** Graylog finds a field `a.b` under `a_b` (design §8). */
  #dotted(name: string): FieldValue | undefined {
    if (!this.#scan.hasDots || !name.includes('_')) return undefined
    for (let member = 0; member < this.#scan.count; member++) {
      const field = this.#fieldOf(this.#scan.name(member))
      if (field?.includes('.') !== true || field.replaceAll('.', '_') !== name) continue
      const value = this.#values.value(member)
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
    const forwarded = wholeNumber(this.#values.value(LEVEL.underscored(this.#scan)))
    if (this.#isForwarded) {
      return typeof forwarded === 'number' && forwarded >= 0 && forwarded <= 7
        ? forwarded
        : undefined
    }
    const level = wholeNumber(this.#values.value(LEVEL.plain(this.#scan))) ?? forwarded
    if (typeof level !== 'number') return level
    return level < 0 ? undefined : Math.trunc(level)
  }

  #messageMember(): number {
    const short = SHORT_MESSAGE.plain(this.#scan)
    return this.#values.isSpokenText(short) ? short : MESSAGE.plain(this.#scan)
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
