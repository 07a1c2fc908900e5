import type { GroupKey } from '../../model/group.ts'

/** Buckets of groups per rule (design §4.1). */
export const GROUP_BUCKETS = 256

/** The bucket for what belongs to a rule as a whole. */
export const RULE_BUCKET = 256

/**
 * A group's canonical text packed into words of 32 bits, four letters each where all lie below
 * U+0100, else two UTF-16 code units, and the 64-bit hash of those words: two lanes of
 * MurmurHash3's 32-bit mixer with other constants. Part of the state format, as stored buckets are
 * found by it: it is the same on every machine and in every version. Reused by its owner, so that
 * looking a group up allocates nothing.
 */
export class GroupHash {
  high = 0
  low = 0
  /** Letters of the text, which holds as long as the hash. */
  length = 0
  isWide = false
  words: Uint32Array = new Uint32Array(64)

  take(group: GroupKey): this {
    this.length = group.length
    if (group.length > this.words.length * 2) this.words = new Uint32Array(group.length)
    this.isWide = !this.#takeNarrow(group)
    if (this.isWide) this.#takeWide(group)
    return this
  }

  /** 0…255: the highest byte. */
  get bucket(): number {
    return this.high >>> 24
  }

  /** Words that the letters take. */
  get wordCount(): number {
    return wordsFor(this.length, this.isWide)
  }

  /** False when a letter takes more than a byte. */
  #takeNarrow(group: GroupKey): boolean {
    const { words } = this
    const { length } = group
    let a = 0x9747b28c
    let b = 0x3c6ef372
    let seen = 0
    let i = 0
    let at = 0
    for (; i + 4 <= length; i += 4, at++) {
      const c0 = group.charCodeAt(i)
      const c1 = group.charCodeAt(i + 1)
      const c2 = group.charCodeAt(i + 2)
      const c3 = group.charCodeAt(i + 3)
      seen |= c0 | c1 | c2 | c3
      const word = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24)
      words[at] = word
      a = mix(a, word, 0xcc9e2d51)
      b = mix(b, word, 0x85ebca6b)
    }
    if (i < length) {
      let word = 0
      for (let shift = 0; i < length; i++, shift += 8) {
        const unit = group.charCodeAt(i)
        seen |= unit
        word |= unit << shift
      }
      words[at] = word
      a = mix(a, word, 0xcc9e2d51)
      b = mix(b, word, 0x85ebca6b)
    }
    this.high = finish(a ^ length)
    this.low = finish(b ^ length)
    return seen <= 0xff
  }

  #takeWide(group: GroupKey): void {
    const { words } = this
    const { length } = group
    let a = 0x9747b28c
    let b = 0x3c6ef372
    for (let i = 0, at = 0; i < length; i += 2, at++) {
      const next = i + 1 < length ? group.charCodeAt(i + 1) : 0
      const word = group.charCodeAt(i) | (next << 16)
      words[at] = word
      a = mix(a, word, 0xcc9e2d51)
      b = mix(b, word, 0x85ebca6b)
    }
    this.high = finish(a ^ length)
    this.low = finish(b ^ length)
  }
}

/** Words of 32 bits that so many letters take. */
export function wordsFor(length: number, isWide: boolean): number {
  return isWide ? (length + 1) >>> 1 : (length + 3) >>> 2
}

/** The bucket of a group. */
export function bucketOf(group: GroupKey): number {
  return new GroupHash().take(group).bucket
}

function mix(hash: number, word: number, factor: number): number {
  const k = Math.imul(word, factor)
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
