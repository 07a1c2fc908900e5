import type { FastifyRequest } from 'fastify'

import { compressionOf, unpack } from './decompress.ts'
import { HttpRefusal } from './http-refusal.ts'

/** graypy says `gzip,deflate` and sends zlib: so the names are permitted and the bytes decide. */
const ENCODINGS = new Set(['', 'identity', 'gzip', 'x-gzip', 'deflate'])

/**
 * The body as it is meant.
 *
 * @throws HttpRefusal for an empty one, and for encodings that are unknown, wrong or too large.
 */
export function unpackBody(request: FastifyRequest): Buffer {
  const named = (request.headers['content-encoding'] ?? '').toLowerCase().split(',')
  if (!named.every((encoding) => ENCODINGS.has(encoding.trim()))) {
    const message = `content encoding "${named.join(',')}": expected gzip, deflate or none`
    throw new HttpRefusal(415, 'encoding', message)
  }
  const body = request.body
  if (!Buffer.isBuffer(body) || body.length === 0) {
    throw new HttpRefusal(400, 'too_short', 'the body is empty: expected a GELF message')
  }
  const isNamed = named.some((encoding) => !['', 'identity'].includes(encoding.trim()))
  if (isNamed && compressionOf(body) === undefined) {
    throw new HttpRefusal(400, 'encoding', 'the body is not compressed as its header says')
  }
  const text = unpack(body)
  if (text === 'bomb') throw new HttpRefusal(413, 'bomb', 'the body unfolds to more than 1 MiB')
  if (typeof text === 'string')
    throw new HttpRefusal(400, text, 'the body is not valid gzip or zlib')
  if (text !== body && compressionOf(text) !== undefined) {
    throw new HttpRefusal(415, 'encoding', 'the body is compressed twice')
  }
  return text
}
