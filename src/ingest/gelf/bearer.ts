import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * Whether a request shows the token, in a time that tells nothing about how much of it was right.
 * Two `Authorization` headers are none: a proxy and we might read different ones. Without a token
 * everyone may send.
 */
export function bearerCheck(token: string | undefined): (request: IncomingMessage) => boolean {
  if (token === undefined) return () => true
  const expected = digest(token)
  return (request) => {
    const given = request.headersDistinct['authorization'] ?? []
    const [, shown] = /^Bearer +(\S+)$/i.exec(given[0] ?? '') ?? []
    const isRight = timingSafeEqual(digest(shown ?? ''), expected)
    return isRight && given.length === 1
  }
}

/** Of equal length, whatever was shown. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
