/** FNV-1a's start and factor (32 bits); the scan runs the same step while it walks a name. */
export const HASH_SEED = 0x811c9dc5 | 0
export const HASH_FACTOR = 0x01000193

/**
 * A quick 32-bit hash of a name's bytes, to find members of a record by name. It decides nothing:
 * where hashes are equal the bytes are compared.
 */
export function keyHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, HASH_FACTOR)
  return hash
}

/** Whether a[aStart … aEnd) and b[bStart … bEnd) hold the same bytes. */
export function bytesEqual(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const length = aEnd - aStart
  if (bEnd - bStart !== length) return false
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}
