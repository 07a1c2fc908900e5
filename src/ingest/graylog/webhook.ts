import type { AddressInfo } from 'node:net'

import type { Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import { unpackBody } from '../gelf/http-body.ts'
import { HttpRefusal } from '../gelf/http-refusal.ts'
import { inputHttpServer } from '../gelf/http-server.ts'
import { IntakeReport } from '../gelf/intake-report.ts'
import { inputTls } from '../gelf/tls.ts'
import type { TlsSettings } from '../gelf/tls.ts'
import type { RecordSink, Source } from '../source.ts'
import { keyCheck } from './key-check.ts'
import { readNotification } from './notification.ts'

/**
 * Graylog waits some ten seconds and then gives a notification up for good, but comes again five
 * minutes after a 503: so that is said in good time when the disk is slow. Should the record be
 * kept after all, the second one is folded into it.
 */
const ANSWER_MS = 5_000

export interface GraylogWebhookOptions {
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  /** What Graylog shows as `X-Tocsin-Key`, as `key` in the address, or as Basic password. */
  readonly token?: string | undefined
  readonly tls?: TlsSettings | undefined
  readonly sink: RecordSink
  readonly report: Report
  readonly clock: Clock
  readonly timers: Timers
}

/**
 * Graylog's event notifications: `POST /graylog` takes the body of its HTTP notification and puts
 * it into the journal as a message of its own, for the rule `graylog-alert` and any other.
 *
 * Measured on real servers (docs/graylog.md): 2xx is done, 500, 503, 408 and 429 come again after
 * five minutes, and anything else is given up. So what was stored is 200, what cannot be stored now
 * is 503, and only what will never be right (a wrong key, no notification at all) is 4xx.
 *
 * @throws Error when the files of `tls` cannot be used.
 */
export function graylogWebhookSource(options: GraylogWebhookOptions): Source {
  const { name, listen, sink, report, timers } = options
  const intake = new IntakeReport({ report, input: name, transport: 'graylog' })
  const tls = options.tls && inputTls(options.tls, { ...options, input: name })
  const server = inputHttpServer({ report, path: '/graylog', intake, tls })
  const isAuthorized = keyCheck(options.token)

  server.addHook('onRequest', async (request) => {
    if (isAuthorized(request.raw)) return
    const message = 'expected the key of this input as X-Tocsin-Key, as ?key=… or as password'
    throw new HttpRefusal(401, 'unauthorized', message)
  })
  server.post('/graylog', async (request, reply) => {
    const read = readNotification(unpackBody(request))
    if (read.kind === 'fault') throw new HttpRefusal(400, 'json', read.message)
    if (read.kind === 'test') {
      report({ name: 'input.test_notification', labels: { input: name } })
      return reply.code(200).send({ accepted: 0, test: true })
    }
    const refusal = sink.accept(read.record, 0, read.record.length)
    if (refusal !== undefined) {
      intake.abort(sink)
      // A message of ours is refused for its size at most, and what is too long stays so.
      throw new HttpRefusal(refusal === 'overload' ? 503 : 413, refusal, 'it cannot be taken')
    }
    intake.accepted()
    await kept(sink, intake, timers)
    return reply.code(200).send({ accepted: 1 })
  })

  return {
    name,
    async start() {
      await server.listen({ host: listen.host, port: listen.port })
      const { address: host, port } = server.server.address() as AddressInfo
      return { host, port }
    },
    async stop() {
      await server.close()
    },
  }
}

function kept(sink: RecordSink, intake: IntakeReport, timers: Timers): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (message: string): void => reject(new HttpRefusal(503, undefined, message))
    const cancel = timers.after(ANSWER_MS, () => fail('the journal is slow; send again'))
    intake.seal(sink, (outcome) => {
      cancel()
      if (outcome === 'durable') resolve()
      else fail('the journal cannot take it now; send again')
    })
  })
}
