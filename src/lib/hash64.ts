/**
 * A 64-bit hash of bytes as two unsigned 32-bit halves, from two independent lanes of MurmurHash3's
 * 32-bit mixer. Equal bytes give the equal hash on every machine; it only breaks ties between
 * events of one millisecond, so it need not resist an attacker.
 */
export function hash64(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): readonly [high: number, low: number] {
  let a = 0x9747b28c
  let b = 0x3c6ef372
  let i = start
  for (; i + 4 <= end; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    a = mix(a, word, 0xcc9e2d51, 0x1b873593)
    b = mix(b, word, 0x85ebca6b, 0xc2b2ae35)
  }
  let tail = 0
  for (let shift = 0; i < end; i++, shift += 8) tail |= bytes[i]! << shift
  a = mix(a, tail, 0xcc9e2d51, 0x1b873593)
  b = mix(b, tail, 0x85ebca6b, 0xc2b2ae35)
  return [finish(a ^ (end - start)), finish(b ^ (end - start))]
}

function mix(hash: number, word: number, c1: number, c2: number): number {
  let k = Math.imul(word, c1)
  k = (k << 15) | (k >>> 17)
  k = Math.imul(k, c2)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
