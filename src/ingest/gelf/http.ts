import type { AddressInfo } from 'node:net'
import type { Server as TlsServer } from 'node:tls'

import type { FastifyReply, FastifyRequest } from 'fastify'

import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { JournalRequest } from '../journal/journal.ts'
import type { RecordSink, Source } from '../source.ts'
import { bearerCheck } from './bearer.ts'
import { unpackBody } from './http-body.ts'
import { HttpRefusal } from './http-refusal.ts'
import { inputHttpServer } from './http-server.ts'
import { takeRequest } from './http-take.ts'
import { Idempotency } from './idempotency.ts'
import { IntakeReport } from './intake-report.ts'
import { inputTls } from './tls.ts'
import type { TlsSettings } from './tls.ts'

/** What requests under way get when the input stops; a whole one is answered in far less. */
const STOP_GRACE_MS = 1_000

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
  /** Requests with an `Idempotency-Key` that the journal remembers; default none. */
  readonly requests?: readonly JournalRequest[]
  /** For tests. Defaults 10 s until the headers are there, 30 s until the body is. */
  readonly headersTimeoutMs?: number
  readonly requestTimeoutMs?: number
}

/**
 * GELF over HTTP: `POST /gelf` with one message, a JSON array of them, or one per line; plain,
 * gzip or zlib. 202 is said once the journal holds all of them (I3); with any other answer nothing
 * of the request is kept. Answers are RFC 9457 problems that name the message at fault.
 *
 * With `?partial=1` the good messages are kept and the answer lists the others. With an
 * `Idempotency-Key` a request may be sent again and is taken once.
 *
 * @throws Error when the files of `tls` cannot be used.
 */
export function gelfHttpSource(options: GelfHttpOptions): Source {
  const { name, listen, sink, report, clock } = options
  const intake = new IntakeReport({ report, input: name, transport: 'http' })
  const tls = options.tls && inputTls(options.tls, { ...options, input: name })
  const server = inputHttpServer({ ...options, path: '/gelf', intake, tls })
  const isAuthorized = bearerCheck(options.token)
  const idempotency = new Idempotency({
    clock,
    known: options.requests ?? [],
    onForgotten: () => report({ name: 'input.key_forgotten', labels: { input: name } }),
  })

  server.addHook('onRequest', async (request, reply) => {
    if (isAuthorized(request.raw)) return
    void reply.header('www-authenticate', 'Bearer')
    throw new HttpRefusal(
      401,
      'unauthorized',
      'expected "Authorization: Bearer …" with the token of this input',
    )
  })
  server.post('/gelf', async (request, reply) => {
    const body = unpackBody(request)
    const form = { isLines: saysLines(request), isPartial: isPartial(request) }
    const take = { body, ...form, sink, intake }
    const key = request.headers['idempotency-key']
    if (key === undefined) return accepted(reply, await takeRequest(take))
    const begun = idempotency.begin(String(key), body, JSON.stringify(form))
    if ('answer' in begun) {
      return accepted(reply.header('idempotency-replayed', 'true'), begun.answer)
    }
    try {
      const answer = await takeRequest({ ...take, kept: (text) => begun.kept(text) })
      begun.done(answer)
      return accepted(reply, answer)
    } catch (error) {
      begun.failed()
      throw error
    }
  })

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

function accepted(reply: FastifyReply, answer: string): FastifyReply {
  return reply.code(202).type('application/json').send(answer)
}

function saysLines(request: FastifyRequest): boolean {
  const type = request.headers['content-type'] ?? ''
  return /^application\/(x-)?(ndjson|jsonlines|json-seq)/i.test(type)
}

function isPartial(request: FastifyRequest): boolean {
  const { partial } = request.query as Readonly<Record<string, unknown>>
  return partial === '1' || partial === 'true'
}
