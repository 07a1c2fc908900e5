import type { AddressInfo } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

import fastify from 'fastify'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import { MAX_BODY_BYTES } from '../normalise/limits.ts'
import type { RecordSink, Source } from '../source.ts'
import { bearerCheck } from './bearer.ts'
import { splitBulk } from './bulk.ts'
import { HttpRefusal, refusalOf, refusedMessage, sendRefusal } from './http-refusal.ts'
import { compressionOf, unpack } from './decompress.ts'
import { IntakeReport } from './intake-report.ts'
import { inputTls } from './tls.ts'
import type { InputTls, TlsSettings } from './tls.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000

/** How often Node looks for requests that take too long. */
const TIMEOUT_CHECK_MS = 1_000

const MAX_CONNECTIONS = 2_000

/** What requests under way get when the input stops; a whole one is answered in far less. */
const STOP_GRACE_MS = 1_000

/** graypy says `gzip,deflate` and sends zlib: so the names are permitted and the bytes decide. */
const ENCODINGS = new Set(['', 'identity', 'gzip', 'x-gzip', 'deflate'])

export interface GelfHttpOptions {
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  /** Bearer token that every request must show. */
  readonly token?: string | undefined
  readonly tls?: TlsSettings | undefined
  readonly sink: RecordSink
  readonly report: Report
  readonly clock: Clock
  readonly timers: Timers
  /** For tests. Defaults 10 s until the headers are there, 30 s until the body is. */
  readonly headersTimeoutMs?: number
  readonly requestTimeoutMs?: number
}

/**
 * GELF over HTTP: `POST /gelf` with one message, a JSON array of them, or one per line; plain,
 * gzip or zlib. 202 is said once the journal holds all of them (I3); with any other answer nothing
 * of the request is kept. Answers are RFC 9457 problems that name the message at fault.
 *
 * @throws Error when the files of `tls` cannot be used.
 */
export function gelfHttpSource(options: GelfHttpOptions): Source {
  const { name, listen, sink, report } = options
  const intake = new IntakeReport({ report, input: name, transport: 'http' })
  const tls = options.tls && inputTls(options.tls, { ...options, input: name })
  const server = createServer(options, intake, tls)
  const isAuthorized = bearerCheck(options.token)

  server.addHook('onRequest', async (request, reply) => {
    if (isAuthorized(request.raw)) return
    void reply.header('www-authenticate', 'Bearer')
    throw new HttpRefusal(
      401,
      'unauthorized',
      'expected "Authorization: Bearer …" with the token of this input',
    )
  })
  server.post('/gelf', (request, reply) => answer(request, reply, sink, intake))

  let cancelWatch: Cancel = () => undefined
  return {
    name,
    async start() {
      await server.listen({ host: listen.host, port: listen.port })
      if (tls !== undefined) cancelWatch = tls.watch(server.server as unknown as TlsServer)
      const { address: host, port } = server.server.address() as AddressInfo
      return { host, port }
    },
    async stop() {
      cancelWatch()
      // A body that does not come to its end was not answered: its sender sends it again.
      const cancel = options.timers.after(STOP_GRACE_MS, () => server.server.closeAllConnections())
      await server.close()
      cancel()
    },
  }
}

function createServer(
  options: GelfHttpOptions,
  intake: IntakeReport,
  tls: InputTls | undefined,
): FastifyInstance {
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
    sendRefusal(reply, new HttpRefusal(404, undefined, 'expected POST /gelf')),
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

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  sink: RecordSink,
  intake: IntakeReport,
): Promise<FastifyReply> {
  const bytes = unpackBody(request)
  const isLines = /^application\/(x-)?(ndjson|jsonlines|json-seq)/i.test(
    request.headers['content-type'] ?? '',
  )
  const bulk = splitBulk(bytes, isLines)
  if ('reason' in bulk) throw refusedMessage(bulk.reason, bulk.form, bulk.place)
  const { form, starts, ends, places } = bulk
  // Synchronous from the first accept to seal or abort: no other request comes in between.
  try {
    for (const [i, start] of starts.entries()) {
      const rejection = sink.accept(bytes, start, ends[i]!)
      if (rejection !== undefined) throw refusedMessage(rejection, form, places[i]!)
      intake.accepted()
    }
  } catch (error) {
    intake.abort(sink)
    throw error
  }
  if (starts.length > 0) await kept(sink, intake)
  return reply.code(202).send({ accepted: starts.length })
}

function kept(sink: RecordSink, intake: IntakeReport): Promise<void> {
  return new Promise((resolve, reject) => {
    intake.seal(sink, (outcome) => {
      if (outcome === 'durable') resolve()
      // Already counted, as reason `journal`.
      else
        reject(new HttpRefusal(503, undefined, 'the journal cannot take messages now; send again'))
    })
  })
}

function unpackBody(request: FastifyRequest): Buffer {
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
