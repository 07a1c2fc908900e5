import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { decodeEpoch, encodeEpoch, ownerOf } from '../../../src/ingest/kafka/owner-assigner.ts'

describe('who gets the partitions of a group', () => {
  it('is the member that claimed the shard last', () => {
    const members = [
      { memberId: 'a', epoch: 3 },
      { memberId: 'b', epoch: 12 },
      { memberId: 'c', epoch: 4 },
    ]
    expect(ownerOf(members)).toBe('b')
    expect(ownerOf([])).toBeUndefined()
  })

  it('is the same whoever deals, and in whatever order the members are told', () => {
    const member = fc.record({ memberId: fc.string(), epoch: fc.integer({ min: 0, max: 5 }) })
    fc.assert(
      fc.property(fc.array(member, { minLength: 1 }), fc.array(fc.nat()), (members, keys) => {
        const other = members
          .map((one, i) => ({ one, key: keys[i] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one)
        expect(ownerOf(other)).toBe(ownerOf(members))
      }),
    )
  })

  it('reads an epoch as it was written, and anything else as none', () => {
    expect(decodeEpoch(encodeEpoch(1_234))).toBe(1_234)
    for (const bytes of [
      null,
      undefined,
      Buffer.from('x'),
      Buffer.from('-1'),
      Buffer.from('1e400'),
    ]) {
      expect(decodeEpoch(bytes)).toBe(0)
    }
  })
})
