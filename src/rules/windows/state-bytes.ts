/**
 * The form of saved window state: numbers in little-endian order, texts as UTF-8 behind their
 * length. Writing is canonical when what is written is: nothing here depends on the process.
 */

/** Raised when the form changes; part of every state hash, so no rule reads another form. */
export const STATE_FORMAT = 1

/** Stands before refused matches, which stand before the windows and part no rule from them. */
export const REFUSED_FORMAT = 2

const RECORD_BYTES = 24

/** A kept record but for its time, as it is stored. */
export interface RecordWords {
  hashHigh: number
  hashLow: number
  positionLow: number
  rest: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export class StateWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  u8(value: number): void {
    this.#need(1)
    this.#bytes[this.#length++] = value
  }

  u16(value: number): void {
    this.#need(2)
    this.#view.setUint16(this.#length, value, true)
    this.#length += 2
  }

  u32(value: number): void {
    this.#need(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  f64(value: number): void {
    this.#need(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  /** A kept record: 24 bytes, times first, as {@link RecordWords} says. */
  record(timeMs: number, words: RecordWords): void {
    this.#need(RECORD_BYTES)
    const view = this.#view
    const at = this.#length
    view.setFloat64(at, timeMs, true)
    view.setUint32(at + 8, words.hashHigh, true)
    view.setUint32(at + 12, words.hashLow, true)
    view.setUint32(at + 16, words.positionLow, true)
    view.setUint32(at + 20, words.rest, true)
    this.#length += RECORD_BYTES
  }

  /**
   * The {@link text} of letters packed four to a word; false, with nothing written, when one of
   * them is not ASCII and takes more than a byte.
   */
  letters(words: Uint32Array, first: number, length: number): boolean {
    this.#need(4 + length)
    const bytes = this.#bytes
    const start = this.#length + 4
    let seen = 0
    for (let i = 0; i < length; i++) {
      const letter = (words[first + (i >>> 2)]! >>> ((i & 3) * 8)) & 0xff
      seen |= letter
      bytes[start + i] = letter
    }
    if (seen > 0x7f) return false
    this.u32(length)
    this.#length += length
    return true
  }

  text(text: string): void {
    // Each UTF-16 code unit takes at most three bytes.
    this.#need(4 + text.length * 3)
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length + 4))
    this.u32(written)
    this.#length += written
  }

  /** What was written; the writer starts over. */
  finish(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return bytes
  }

  #need(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads what {@link StateWriter} wrote. Throws a RangeError when it ends too early. */
export class StateReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.#skip(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#skip(8), true)
  }

  text(): string {
    const length = this.u32()
    const at = this.#skip(length)
    return decoder.decode(this.#bytes.subarray(at, at + length))
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  #skip(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#bytes.length) throw new RangeError('saved window state ends too early')
    this.#at += bytes
    return at
  }
}
