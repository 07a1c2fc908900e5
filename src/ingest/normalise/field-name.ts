import { keyHash } from './key-hash.ts'
import type { FieldScan } from './scan.ts'

/** Fields with a rule of their own in the event's reading. */
const CORE = new Set(
  'source message full_message timestamp level line id graylog_id tocsin_flags version host short_message'.split(
    ' ',
  ),
)

/** A field's name in both spellings a GELF message may use, ready to be looked up in a scan. */
export class FieldName {
  readonly text: string
  readonly isCore: boolean
  readonly #plain: Uint8Array
  readonly #plainHash: number
  readonly #underscored: Uint8Array
  readonly #underscoredHash: number
  readonly #hasPlain: boolean

  constructor(text: string) {
    this.text = text
    this.isCore = CORE.has(text)
    this.#plain = Buffer.from(text)
    this.#plainHash = keyHash(this.#plain, 0, this.#plain.length)
    this.#underscored = Buffer.from(`_${text}`)
    this.#underscoredHash = keyHash(this.#underscored, 0, this.#underscored.length)
    // A member that is written with an underscore is a field without it, so `_a` is nobody's name.
    this.#hasPlain = !text.startsWith('_') || text === '_' || text === '__proto__'
  }

  /** Number of the member that is written like the field, or -1. */
  plain(scan: FieldScan): number {
    return this.#hasPlain ? scan.find(this.#plain, this.#plainHash) : -1
  }

  /** Number of the member that is written with GELF's underscore, or -1. */
  underscored(scan: FieldScan): number {
    return scan.find(this.#underscored, this.#underscoredHash)
  }

  isIn(scan: FieldScan): boolean {
    return this.plain(scan) >= 0 || this.underscored(scan) >= 0
  }
}
