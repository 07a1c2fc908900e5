import fastify from 'fastify'
import type { FastifyError, FastifyInstance } from 'fastify'

import type { Report } from '../../model/occurrence.ts'
import { MAX_BODY_BYTES } from '../normalise/limits.ts'
import { ByteBudget } from './byte-budget.ts'
import { HttpRefusal, refusalOf, sendRefusal } from './http-refusal.ts'
import type { IntakeReport } from './intake-report.ts'
import type { InputTls } from './tls.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000

/** How often Node looks for requests that take too long. */
const TIMEOUT_CHECK_MS = 1_000

const MAX_CONNECTIONS = 2_000

/** Bodies of all requests under way; one that does not say its length may have the most. */
const MAX_HELD_BYTES = 256 * 1_048_576

export interface InputHttpServerOptions {
  /** The one address that it answers on, for the sentence about all others. */
  readonly path: string
  readonly intake: IntakeReport
  readonly tls: InputTls | undefined
  readonly report: Report
  /** For tests. Defaults 10 s until the headers are there, 30 s until the body is. */
  readonly headersTimeoutMs?: number | undefined
  readonly requestTimeoutMs?: number | undefined
}

/** The HTTP server of an input: bodies as bytes, deadlines, and every refusal as a problem. */
export function inputHttpServer(options: InputHttpServerOptions): FastifyInstance {
  const { intake, tls } = options
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  const headersTimeout = Math.min(options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS, requestTimeout)
  const server: FastifyInstance = fastify({
    ...(tls !== undefined && { https: tls.options }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersTimeout),
    },
    clientErrorHandler(error, socket) {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy()
        return
      }
      intake.rejected('incomplete')
      intake.flush()
      const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      const status = isLate ? '408 Request Timeout' : '400 Bad Request'
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    },
  })
  const budget = new ByteBudget(MAX_HELD_BYTES)
  server.addHook('onRequest', async (request, reply) => {
    const said = Number(request.headers['content-length'] ?? MAX_BODY_BYTES)
    const bytes = Math.min(said, MAX_BODY_BYTES)
    if (!budget.take(bytes)) {
      throw new HttpRefusal(503, 'overload', 'too many requests are under way; send again')
    }
    reply.raw.once('close', () => budget.give(bytes))
  })
  server.server.maxConnections = MAX_CONNECTIONS
  server.server.on('drop', () => intake.connectionRefused('total'))
  server.server.on('tlsClientError', ({ message }: Error) =>
    intake.connectionRefused('tls', { message }),
  )
  // Senders name any content type or none; the content decides.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  server.setNotFoundHandler((_request, reply) =>
    sendRefusal(reply, new HttpRefusal(404, undefined, `expected POST ${options.path}`)),
  )
  server.setErrorHandler((error: FastifyError | HttpRefusal, _request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.status === 500) {
      options.report({ name: 'http.failed', detail: { message: error.message } })
    }
    if (refusal.reason !== undefined) intake.rejected(refusal.reason)
    intake.flush()
    return sendRefusal(reply, refusal)
  })
  return server
}
