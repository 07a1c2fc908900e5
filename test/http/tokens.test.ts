import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createToken, tokenHash, tokenLookup } from '../../src/http/tokens.ts'

describe('an API token', () => {
  it('says what it is and carries 256 bits', () => {
    const { token, sha256 } = createToken(new Uint8Array(32))
    expect(token).toBe(`tcs_${'A'.repeat(43)}`)
    expect(sha256).toBe(tokenHash(token))
    expect(sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('is not made from too few random bytes', () => {
    expect(() => createToken(new Uint8Array(16))).toThrow('expected 32')
  })

  it('is found by what it hashes to and by nothing else', () => {
    const { token, sha256 } = createToken(new Uint8Array(32).fill(7))
    const find = tokenLookup([{ name: 'ci', sha256: sha256.toUpperCase(), roles: ['viewer'] }])
    expect(find(token)?.name).toBe('ci')
    fc.assert(
      fc.property(fc.string(), (other) => {
        fc.pre(other !== token)
        expect(find(other)).toBeUndefined()
        expect(find(token + other)?.name).toBe(other === '' ? 'ci' : undefined)
      }),
      { numRuns: 200 },
    )
    expect(find(sha256)).toBeUndefined()
  })
})
