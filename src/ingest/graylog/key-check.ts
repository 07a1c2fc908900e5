import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * Whether a request shows the key in one of the ways that Graylog's notifications know: a header of
 * its own, a parameter of the address, or the password of Basic authentication. Compared in a time
 * that tells nothing about how much of it was right. Without a key everyone may send.
 */
export function keyCheck(key: string | undefined): (request: IncomingMessage) => boolean {
  if (key === undefined) return () => true
  const expected = digest(key)
  return (request) => shown(request).some((given) => timingSafeEqual(digest(given), expected))
}

function shown({ headersDistinct: headers, url = '' }: IncomingMessage): string[] {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const basic = (headers['authorization'] ?? []).flatMap((value) => {
    const [, encoded] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(value) ?? []
    const text = Buffer.from(encoded ?? '', 'base64').toString()
    return encoded === undefined ? [] : [text.slice(text.indexOf(':') + 1)]
  })
  return [...(headers['x-tocsin-key'] ?? []), ...query.getAll('key'), ...basic]
}

/** Of equal length, whatever was shown. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
