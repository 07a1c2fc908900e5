import { isUtf8 } from 'node:buffer'

import type { Rejection } from '../source.ts'
import {
  BAD_JSON,
  beginsOtherValue,
  escapeEnd,
  isSpace,
  KIND,
  kindOf,
  scalarEnd,
  skipSpace,
} from './json-bytes.ts'
import { bytesEqual, HASH_FACTOR, HASH_SEED, keyHash } from './key-hash.ts'
import { MAX_DEPTH, MAX_FIELDS, MAX_FRAME_BYTES, MAX_KEY_BYTES } from './limits.ts'

/** Bits of {@link FieldScan.marks}: what decoding must look out for. */
export const MARK = { keyEscaped: 1, escaped: 2, high: 4 } as const

/** Hash slots: twice the most members, so that a probe is short. */
const SLOTS = 2 * MAX_FIELDS

/** Slots are numbered by the upper bits of the hash times an odd constant, which mixes all of it. */
const SLOT_FACTOR = 0x9e3779b1
const SLOT_SHIFT = 32 - Math.log2(SLOTS)

/**
 * Members whose 32-bit hashes agree although their names differ. Among 512 honest names even one
 * is unlikely; a sender who builds them to make comparing slow is refused.
 */
const MAX_COLLISIONS = 64

/** 0: part of the text. 1: quote, backslash, control character. 2: not ASCII. 3: full stop. */
const KEY_CLASS = new Uint8Array(256)
const TEXT_CLASS = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) {
  const ends = byte < 0x20 || byte === 0x22 || byte === 0x5c
  TEXT_CLASS[byte] = ends ? 1 : byte >= 0x80 ? 2 : 0
  KEY_CLASS[byte] = byte === 0x2e ? 3 : TEXT_CLASS[byte]!
}

const TOO_DEEP = -2

/**
 * Reads one JSON text without making anything of it: checks every byte as `JSON.parse` would and
 * notes where the members of the outer object begin and end. Reused for each record: typed arrays,
 * no allocation, no recursion, so neither nesting nor size can hurt (rows G1, G5).
 *
 * Invariants after `scan` returned `undefined`:
 * 1. members 0 … count − 1 have distinct names; a double keeps its first place and its last value;
 * 2. all offsets are absolute in the bytes given; text offsets are those inside the quotes;
 * 3. the text between them is valid UTF-8 and valid JSON.
 */
export class FieldScan {
  count = 0
  readonly keyStart = new Int32Array(MAX_FIELDS)
  readonly keyEnd = new Int32Array(MAX_FIELDS)
  readonly valueStart = new Int32Array(MAX_FIELDS)
  readonly valueEnd = new Int32Array(MAX_FIELDS)
  /** One of {@link KIND}. */
  readonly kinds = new Uint8Array(MAX_FIELDS)
  /** Bits of {@link MARK}. */
  readonly marks = new Uint8Array(MAX_FIELDS)
  hasDoubles = false
  /** Some name holds a full stop. */
  hasDots = false
  /** Some byte of the record is not ASCII. */
  hasHigh = false
  bytes: Buffer = Buffer.alloc(0)

  readonly #hashes = new Int32Array(MAX_FIELDS)
  readonly #slotMember = new Uint16Array(SLOTS)
  readonly #slotRun = new Uint32Array(SLOTS)
  #run = 0
  #collisions = 0
  #marks = 0

  scan(bytes: Buffer, start: number, end: number): Rejection | undefined {
    this.count = 0
    this.hasDoubles = false
    this.hasDots = false
    this.hasHigh = false
    this.bytes = bytes
    this.#collisions = 0
    if (end - start > MAX_FRAME_BYTES) return 'too_long'
    if (end - start < 2) return 'too_short'
    if (this.#run === 0xffffffff) this.#forgetRuns()
    this.#run++

    // The object must end in its own brace. So everything but text meets that byte, which belongs
    // nowhere else, and only the loops over text need a bound.
    let last = end - 1
    while (last > start && isSpace(bytes[last]!)) last--
    let i = start
    while (i < last && isSpace(bytes[i]!)) i++
    if (bytes[i] !== 0x7b) return beginsOtherValue(bytes, i) ? 'not_an_object' : 'json'
    if (bytes[last] !== 0x7d || i === last) return 'json'
    const rejection = this.#members(bytes, i + 1, last)
    if (rejection !== undefined) return rejection
    return this.hasHigh && !isUtf8(bytes.subarray(start, end)) ? 'utf8' : undefined
  }

  /** Number of the member with this name (UTF-8 bytes and their {@link keyHash}), or -1. */
  find(key: Uint8Array, hash: number): number {
    let slot = Math.imul(hash, SLOT_FACTOR) >>> SLOT_SHIFT
    while (this.#slotRun[slot] === this.#run) {
      const member = this.#slotMember[slot]!
      if (this.#hashes[member] === hash && this.#isNamed(member, key)) return member
      slot = (slot + 1) & (SLOTS - 1)
    }
    return -1
  }

  /** A member's name, decoded. */
  name(member: number): string {
    const start = this.keyStart[member]!
    const end = this.keyEnd[member]!
    if ((this.marks[member]! & MARK.keyEscaped) === 0)
      return this.bytes.toString('utf8', start, end)
    return JSON.parse(this.bytes.toString('utf8', start - 1, end + 1)) as string
  }

  #members(bytes: Buffer, from: number, last: number): Rejection | undefined {
    const { keyStart: keyStarts, keyEnd: keyEnds, valueStart, valueEnd, kinds, marks } = this
    const slotRun = this.#slotRun
    const run = this.#run
    let i = skipSpace(bytes, from)
    if (bytes[i] === 0x7d) return i === last ? undefined : 'json'
    for (let members = 1; ; members++) {
      if (members > MAX_FIELDS) return 'fields'
      if (bytes[i] !== 0x22) return 'json'
      const keyStart = i + 1
      this.#marks = 0
      // The plain text is walked here, where the compiler has it in sight; #text does the rest.
      let hash = HASH_SEED
      let byte = 0
      for (i = keyStart; i < last && KEY_CLASS[(byte = bytes[i]!)] === 0; i++) {
        hash = Math.imul(hash ^ byte, HASH_FACTOR)
      }
      const isPlain = byte === 0x22
      i = isPlain ? i + 1 : this.#text(bytes, i, last, KEY_CLASS)
      if (i < 0) return 'json'
      const keyEnd = i - 1
      if (keyEnd - keyStart > MAX_KEY_BYTES) return 'fields'
      const keyMarks = (this.#marks & MARK.escaped) === 0 ? 0 : MARK.keyEscaped
      if (bytes[i]! <= 0x20) i = skipSpace(bytes, i)
      if (bytes[i] !== 0x3a) return 'json'
      i++
      if (bytes[i]! <= 0x20) i = skipSpace(bytes, i)

      this.#marks = 0
      let start = i
      let end: number
      let kind: number
      const first = bytes[i]!
      if (first === 0x22) {
        kind = KIND.text
        start = i + 1
        for (i = start; i < last && TEXT_CLASS[bytes[i]!] === 0; i++);
        i = bytes[i] === 0x22 ? i + 1 : this.#text(bytes, i, last, TEXT_CLASS)
        end = i - 1
      } else {
        kind = kindOf(first)
        i = kind === KIND.container ? this.#container(bytes, i, last) : scalarEnd(bytes, i)
        end = i
      }
      if (i < 0) return i === TOO_DEEP ? 'depth' : 'json'
      let member = this.count
      keyStarts[member] = keyStart
      keyEnds[member] = keyEnd
      marks[member] = keyMarks
      if (!isPlain) hash = this.#hashOf(member)
      const slot = Math.imul(hash, SLOT_FACTOR) >>> SLOT_SHIFT
      if (slotRun[slot] !== run) this.#insert(member, hash, slot)
      else member = this.#insertBehind(member, hash, slot)
      if (member < 0) return 'fields'
      valueStart[member] = start
      valueEnd[member] = end
      kinds[member] = kind
      marks[member] = this.#marks | keyMarks

      if (bytes[i]! <= 0x20) i = skipSpace(bytes, i)
      if (bytes[i] === 0x7d) return i === last ? undefined : 'json'
      if (bytes[i] !== 0x2c) return 'json'
      i++
      if (bytes[i]! <= 0x20) i = skipSpace(bytes, i)
    }
  }

  /** From the first byte of a text to the one behind its closing quote; negative when it is bad. */
  #text(bytes: Buffer, from: number, last: number, classes: Uint8Array): number {
    let i = from
    for (;;) {
      while (i < last && classes[bytes[i]!] === 0) i++
      if (i >= last) return BAD_JSON
      const byte = bytes[i]!
      if (byte === 0x22) return i + 1
      if (byte >= 0x80) {
        this.#marks |= MARK.high
        this.hasHigh = true
        do i++
        while (i < last && bytes[i]! >= 0x80)
      } else if (byte === 0x5c) {
        this.#marks |= MARK.escaped
        i = escapeEnd(bytes, i + 1)
        if (i < 0) return BAD_JSON
      } else if (byte === 0x2e) {
        this.hasDots = true
        i++
      } else {
        return BAD_JSON
      }
    }
  }

  /** From an opening bracket to the byte behind the one that closes it; negative when it is bad. */
  #container(bytes: Buffer, from: number, last: number): number {
    let i = from
    // Bit d of `objects` says whether level d is an object; the message itself is level 1, and
    // level 32 takes bit 0.
    let depth = 1
    let objects = 0
    let isObject = false
    for (;;) {
      // Here a value begins.
      const first = bytes[i]!
      if (first === 0x7b || first === 0x5b) {
        if (++depth > MAX_DEPTH) return TOO_DEEP
        isObject = first === 0x7b
        const bit = 1 << (depth & 31)
        objects = isObject ? objects | bit : objects & ~bit
        i++
        i = skipSpace(bytes, i)
        if (bytes[i] !== (isObject ? 0x7d : 0x5d)) {
          if (isObject) i = this.#nestedName(bytes, i, last)
          if (i < 0) return BAD_JSON
          continue
        }
      } else {
        i = first === 0x22 ? this.#text(bytes, i + 1, last, TEXT_CLASS) : scalarEnd(bytes, i)
        if (i < 0) return BAD_JSON
        while (isSpace(bytes[i]!)) i++
      }
      // Here a value ended, or the container is empty: close what closes.
      while (bytes[i] === (isObject ? 0x7d : 0x5d)) {
        i++
        if (i > last) return BAD_JSON
        if (--depth === 1) return i
        isObject = (objects & (1 << (depth & 31))) !== 0
        while (isSpace(bytes[i]!)) i++
      }
      if (bytes[i] !== 0x2c) return BAD_JSON
      i++
      while (isSpace(bytes[i]!)) i++
      if (isObject) i = this.#nestedName(bytes, i, last)
      if (i < 0) return BAD_JSON
    }
  }

  /** Over a name and its colon to the value; negative when it is bad. */
  #nestedName(bytes: Buffer, at: number, last: number): number {
    if (bytes[at] !== 0x22) return BAD_JSON
    let i = this.#text(bytes, at + 1, last, TEXT_CLASS)
    if (i < 0) return BAD_JSON
    while (isSpace(bytes[i]!)) i++
    if (bytes[i] !== 0x3a) return BAD_JSON
    i++
    while (isSpace(bytes[i]!)) i++
    return i
  }

  #hashOf(member: number): number {
    if ((this.marks[member]! & MARK.keyEscaped) === 0) {
      return keyHash(this.bytes, this.keyStart[member]!, this.keyEnd[member]!)
    }
    const name = Buffer.from(this.name(member))
    return keyHash(name, 0, name.length)
  }

  #insert(member: number, hash: number, slot: number): void {
    this.#slotRun[slot] = this.#run
    this.#slotMember[slot] = member
    this.#hashes[member] = hash
    this.count = member + 1
  }

  /** When the slot is taken: the member's number, or that of its double. -1: too many alike. */
  #insertBehind(member: number, hash: number, taken: number): number {
    let slot = taken
    for (; this.#slotRun[slot] === this.#run; slot = (slot + 1) & (SLOTS - 1)) {
      const other = this.#slotMember[slot]!
      if (this.#hashes[other] !== hash) continue
      if (this.#isSame(member, other)) {
        this.hasDoubles = true
        this.keyStart[other] = this.keyStart[member]!
        this.keyEnd[other] = this.keyEnd[member]!
        return other
      }
      if (++this.#collisions > MAX_COLLISIONS) return -1
    }
    this.#insert(member, hash, slot)
    return member
  }

  #isSame(a: number, b: number): boolean {
    if (((this.marks[a]! | this.marks[b]!) & MARK.keyEscaped) !== 0)
      return this.name(a) === this.name(b)
    const { bytes, keyStart, keyEnd } = this
    return bytesEqual(bytes, keyStart[a]!, keyEnd[a]!, bytes, keyStart[b]!, keyEnd[b]!)
  }

  #isNamed(member: number, key: Uint8Array): boolean {
    if ((this.marks[member]! & MARK.keyEscaped) !== 0)
      return Buffer.from(this.name(member)).equals(key)
    return bytesEqual(this.bytes, this.keyStart[member]!, this.keyEnd[member]!, key, 0, key.length)
  }

  #forgetRuns(): void {
    this.#slotRun.fill(0)
    this.#run = 0
  }
}
