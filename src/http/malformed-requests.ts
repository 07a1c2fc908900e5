import type { Socket } from 'node:net'
import { BARE_HEADERS } from './security-headers.ts'

const ANSWERS: Readonly<Record<string, readonly [status: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive.'],
}

/**
 * Answers what is not HTTP at all, before there is a request: as a problem too (RFC 9457), then
 * the connection is closed, since what follows on it cannot be trusted.
 */
export function answerMalformed(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, detail] = ANSWERS[error.code ?? ''] ?? ['400 Bad Request', 'This is not HTTP.']
  const body = JSON.stringify({
    type: 'urn:tocsin:problem:malformed',
    title: 'The request is not understood',
    status: Number(status.slice(0, 3)),
    detail,
  })
  const headers = Object.entries({
    ...BARE_HEADERS,
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`)
}
