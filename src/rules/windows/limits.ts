import type { Rule } from '../rule.ts'
import { GROUP_BUCKETS } from './group-hash.ts'

/** 100,000 groups per rule unless its `limits` say otherwise (design §4.4). */
export const GROUPS_DEFAULT = 100_000

/**
 * 1 GiB of accounted window state per rule, 5 MiB per bucket: room for 200,000 records of one
 * group, which is 1,600 a second that match a rule without groups and the default `late_by`.
 */
export const BYTES_DEFAULT = 1024 * 1024 * 1024

/** What state is accounted with: near what it takes, and equal on every machine. */
export const GROUP_BYTES = 64
export const ENTRY_BYTES = 24
export const EPISODE_BYTES = 512

/** Caps of one bucket: a quarter above its share, as groups fall unevenly (design §4.1). */
export interface BucketLimits {
  readonly groups: number
  readonly bytes: number
  readonly overflow: Rule['limits']['overflow']
}

export function bucketLimits(limits: Rule['limits'], bytes = BYTES_DEFAULT): BucketLimits {
  const share = (cap: number): number => Math.ceil((1.25 * cap) / GROUP_BUCKETS)
  return { groups: share(limits.groups), bytes: share(bytes), overflow: limits.overflow }
}

/** Groups of one bucket that an entry clears, settles or forgets at most. */
export const ADVANCED_AT_ONCE = 16

/** Groups that make room together, so that looking for the oldest costs little for each. */
export function evictedAtOnce(groupsMax: number): number {
  return Math.max(1, groupsMax >>> 5)
}
