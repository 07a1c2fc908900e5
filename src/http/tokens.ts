import { createHash, timingSafeEqual } from 'node:crypto'
import type { Role } from './access.ts'

/** An API token as the configuration knows it: never the token itself, only its hash. */
export interface ApiToken {
  /** Who uses it: the actor on timelines. */
  readonly name: string
  /** SHA-256 of the token's text, 64 hexadecimal digits. */
  readonly sha256: string
  readonly roles: readonly Role[]
}

/** Says what it is to people and to secret scanners. */
const PREFIX = 'tcs_'
const RANDOM_BYTES = 32

/**
 * A new token from 32 random bytes: `tcs_` and 43 characters of base64url (256 bits), with the
 * hash that belongs into the configuration. Throws on another number of bytes.
 */
export function createToken(random: Uint8Array): {
  readonly token: string
  readonly sha256: string
} {
  if (random.length !== RANDOM_BYTES) {
    throw new Error(`createToken: ${random.length} random bytes, expected ${RANDOM_BYTES}`)
  }
  const token = PREFIX + Buffer.from(random).toString('base64url')
  return { token, sha256: tokenHash(token) }
}

/** SHA-256 of a token's text in hexadecimal. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

/**
 * Finds a token's owner. The look-up is by hash, so its time tells nothing about the token; the
 * last comparison is of equal length and constant time all the same.
 */
export function tokenLookup(
  tokens: readonly ApiToken[],
): (presented: string) => ApiToken | undefined {
  const byHash = new Map(tokens.map((token) => [token.sha256.toLowerCase(), token]))
  return (presented) => {
    const hash = tokenHash(presented)
    const found = byHash.get(hash)
    if (found === undefined) return undefined
    const expected = Buffer.from(found.sha256.toLowerCase(), 'hex')
    const given = Buffer.from(hash, 'hex')
    return expected.length === given.length && timingSafeEqual(expected, given) ? found : undefined
  }
}
