import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * What the marker of one of our own log records covers (I12): when, from where, what. Exactly
 * these three lines, so that both ends agree whatever Graylog adds to the record on its way.
 */
export function selfMaterial(timestampMs: number, source: string, message: string): string {
  return `${Math.round(timestampMs)}\n${source}\n${message}`
}

/** HMAC-SHA256 of the material as lower-case hexadecimal: the field `_tocsin_self`. */
export function selfMarker(key: Uint8Array, material: string): string {
  return createHmac('sha256', key).update(material, 'utf8').digest('hex')
}

/** Whether a marker is ours. Takes the same time for every wrong marker of the right length. */
export function verifySelfMarker(key: Uint8Array, marker: string, material: string): boolean {
  const expected = Buffer.from(selfMarker(key, material), 'utf8')
  const given = Buffer.from(marker, 'utf8')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
