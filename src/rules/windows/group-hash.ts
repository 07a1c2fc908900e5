import type { GroupKey } from '../../model/group.ts'

/** Buckets of groups per rule (design §4.1). */
export const GROUP_BUCKETS = 256

/** The bucket for what belongs to a rule as a whole. */
export const RULE_BUCKET = 256

/**
 * 64-bit hash of a group's canonical text, as two unsigned halves: two lanes over its UTF-16 code
 * units, each finished with MurmurHash3's 32-bit finaliser. Part of the state format: stored
 * buckets are found by it, so it is the same on every machine and in every version. Reused by its
 * owner, so that hashing a group allocates nothing.
 */
export class GroupHash {
  high = 0
  low = 0

  take(group: GroupKey): this {
    let a = 0x9747b28c
    let b = 0x3c6ef372
    for (let i = 0; i < group.length; i++) {
      const unit = group.charCodeAt(i)
      a = Math.imul(a ^ unit, 0x01000193)
      b = Math.imul((b << 7) | (b >>> 25), 0x85ebca6b) ^ unit
    }
    this.high = finish(a ^ group.length)
    this.low = finish(b ^ group.length)
    return this
  }

  /** 0…255: the highest byte. */
  get bucket(): number {
    return this.high >>> 24
  }
}

/** The bucket of a group. */
export function bucketOf(group: GroupKey): number {
  return new GroupHash().take(group).bucket
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
