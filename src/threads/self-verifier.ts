import { verifySelfMarker } from '../lib/self-marker.ts'

/** Checks a record's `_tocsin_self` against our own key (I12), given as hexadecimal. */
export function selfVerifier(selfKey: string): (marker: string, material: string) => boolean {
  const key = Buffer.from(selfKey, 'hex')
  return (marker, material) => verifySelfMarker(key, marker, material)
}
