import type { FieldValue } from '../../model/event.ts'
import { KIND } from './json-bytes.ts'
import { compactJson, cutText, numberValue, smallWhole } from './json-value.ts'
import { MAX_VALUE_BYTES } from './limits.ts'
import { MARK } from './scan.ts'
import type { FieldScan } from './scan.ts'

/**
 * The first texts that are read of a record are made one by one; who reads more of them gets parts
 * of one text of the whole record, which is cheaper per field. Not for long records: a part keeps
 * the whole alive.
 */
const SINGLE_TEXTS = 2
const WHOLE_TEXT_BYTES = 4_096

/** Decodes single members of a scanned record, when they are asked for. Reused for each record. */
export class MemberValues {
  readonly #scan: FieldScan
  #start = 0
  #end = 0
  #text: string | undefined
  #texts = 0

  constructor(scan: FieldScan) {
    this.#scan = scan
  }

  /** The scan moved to the record between these offsets. */
  begin(start: number, end: number): void {
    this.#start = start
    this.#end = end
    this.#text = undefined
    this.#texts = 0
  }

  /** No such member, or null. */
  isMissing(member: number): boolean {
    return member < 0 || this.#scan.kinds[member] === KIND.null
  }

  /** A text or a number. */
  isWritten(member: number): boolean {
    return member >= 0 && this.#scan.kinds[member]! <= KIND.number
  }

  /** A text that is more than blanks. */
  isSpokenText(member: number): boolean {
    if (member < 0 || this.#scan.kinds[member] !== KIND.text) return false
    const first = this.#scan.bytes[this.#scan.valueStart[member]!]!
    // Almost always the first byte settles it.
    if (first > 0x20 && first < 0x80 && first !== 0x5c && first !== 0x22) return true
    return this.whole(member).trim() !== ''
  }

  /** A member's value; `undefined` for none, null and the empty text, which Graylog drops too. */
  value(member: number): FieldValue | undefined {
    if (member < 0) return undefined
    const kind = this.#scan.kinds[member]
    if (kind === KIND.null) return undefined
    if (kind === KIND.number) {
      const { bytes, valueStart, valueEnd } = this.#scan
      const small = smallWhole(bytes, valueStart[member]!, valueEnd[member]!)
      return small >= 0 ? small : numberValue(this.#cut(member, this.source(member)))
    }
    const text = this.#cut(member, this.whole(member))
    return text === '' ? undefined : text
  }

  #cut(member: number, text: string): string {
    const isShort = this.#scan.valueEnd[member]! - this.#scan.valueStart[member]! <= MAX_VALUE_BYTES
    return isShort ? text : cutText(text, MAX_VALUE_BYTES)
  }

  /** A member's value as text, decoded, however long; empty for no member. */
  whole(member: number): string {
    if (member < 0) return ''
    const { marks, kinds, bytes, valueStart, valueEnd } = this.#scan
    if (kinds[member] === KIND.container) return compactJson(this.source(member))
    if ((marks[member]! & MARK.escaped) === 0) return this.source(member)
    return JSON.parse(
      bytes.toString('utf8', valueStart[member]! - 1, valueEnd[member]! + 1),
    ) as string
  }

  /** A member's value as it was written. */
  source(member: number): string {
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
}
