import type { GroupKey } from '../../../src/model/group.ts'
import { GroupHash } from '../../../src/rules/windows/group-hash.ts'
import { ADVANCED_AT_ONCE } from '../../../src/rules/windows/limits.ts'

/** The groups that an entry looks at: the first that are due, found by looking at all of them. */
export function firstDue<G extends { readonly key: GroupKey }>(
  groups: Iterable<G>,
  at: { readonly watermarkMs: number; readonly dueMs: (group: G) => number },
): G[] {
  const due: G[] = []
  for (let left = [...groups]; due.length < ADVANCED_AT_ONCE;) {
    left = left.filter((group) => at.dueMs(group) < at.watermarkMs)
    left.sort((a, b) => at.dueMs(a) - at.dueMs(b) || byHash(a.key, b.key))
    const first = left.shift()
    if (first === undefined) break
    due.push(first)
  }
  return due
}

export function byHash(a: GroupKey, b: GroupKey): number {
  const [hashA, hashB] = [new GroupHash().take(a), new GroupHash().take(b)]
  return hashA.high - hashB.high || hashA.low - hashB.low || (a < b ? -1 : 1)
}
