import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/lib/canonical.ts'

/** The plain way, which hashes kept in databases were made with. */
function bySortingReplacer(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    const entries = Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return Object.fromEntries(entries)
  })
}

describe('canonical JSON', () => {
  it('is the same text for the same members in any order', () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: null })).toBe(
      canonicalJson({ a: null, b: [{ d: 1 }] }),
    )
  })

  it('equals what a sorting replacer makes of any value', () => {
    const anything = fc.anything({ withDate: true, withNullPrototype: true, withMap: true })
    fc.assert(
      fc.property(anything, (value) => {
        fc.pre(JSON.stringify(value) !== undefined)
        expect(canonicalJson(value)).toBe(bySortingReplacer(value))
      }),
      { numRuns: 2_000 },
    )
  })

  it('keeps a member named __proto__, and the order that numbers among the names have', () => {
    const value = JSON.parse('{ "10": 1, "9": 2, "__proto__": { "b": 1, "a": 2 } }') as object
    expect(canonicalJson(value)).toBe('{"9":2,"10":1,"__proto__":{"a":2,"b":1}}')
    expect(bySortingReplacer(value)).toBe(canonicalJson(value))
  })
})
