import { createHash } from 'node:crypto'

/**
 * JSON with object keys sorted at every level: equal values give equal text, so it can be hashed
 * and compared. Undefined members are left out as in `JSON.stringify`.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value))
}

/** A copy with sorted keys; a replacer that sorts would be called back for every member, slowly. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  if ('toJSON' in value && typeof value.toJSON === 'function') return sorted(value.toJSON())
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key as never])]))
}

/** SHA-256 as lower-case hex. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * A name of 26 characters (130 bits) derived from parts: base32 (RFC 4648, lower case) of the
 * SHA-256 of their JSON array. Equal parts give the equal name on every replica and replay.
 */
export function derivedName(...parts: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest()
  let name = ''
  let bits = 0
  let value = 0
  for (const byte of digest) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      name += BASE32[(value >> bits) & 31]
    }
    if (name.length >= 26) break
  }
  return name.slice(0, 26)
}
