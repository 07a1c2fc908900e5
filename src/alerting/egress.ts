import { lookup } from 'node:dns/promises'

import { type buildConnector, Client, type Dispatcher } from 'undici'

import type { Timers } from '../lib/clock.ts'
import { orAborted } from '../lib/or-aborted.ts'
import { answerText } from './answer-text.ts'
import {
  checkedAddresses,
  guardedConnector,
  RefusedError,
  type ResolvedAddress,
} from './egress-connection.ts'
import { checkUrl, type EgressAllowance, type EgressTarget } from './egress-guard.ts'

/** More of an answer is never read; what came before it is enough to know the receiver's mind. */
const ANSWER_BYTES_MAX = 64 * 1024

/** Head of an answer; a longer one is a failure. */
const HEAD_BYTES_MAX = 16 * 1024

/** Interim answers (1xx) before the real one; more of them only keep us busy. */
const INTERIM_ANSWERS_MAX = 16

export interface EgressRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Exact text that was signed. */
  readonly body: string
  /** For everything together, from looking up the name to the end of the answer. */
  readonly timeoutMs: number
  readonly allow: EgressAllowance
  /** Ends the request early, as `network`. */
  readonly signal?: AbortSignal
}

/**
 * `answer`: the receiver answered, and its answer was read to its end or to 64 KiB. Everything
 * else is a failure; what a status means is not decided here.
 */
export type EgressResult =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly retryAfter: string | null
      /** At most 1 KiB of the answer's body, on one line. */
      readonly bodyStart: string
    }
  | {
      readonly kind: 'failure'
      readonly reason: 'egressRefused' | 'timeout' | 'network'
      readonly detail: string
    }

/** The only way out to a receiver. */
export interface Egress {
  sendSigned(request: EgressRequest): Promise<EgressResult>
}

export interface EgressOptions {
  readonly timers: Timers
  /** Looks a name up, once per request; default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>
  /** Certificates (PEM) trusted instead of the built-in ones. */
  readonly ca?: string
  /** How a socket is opened; tests put another way to a peer here. */
  readonly connector?: (options: buildConnector.BuildOptions) => buildConnector.connector
}

class TimedOutError extends Error {
  override readonly name = 'TimedOutError'
}

/**
 * The guard of reliability.md W1–W6 before undici: the URL is checked, the name is looked up once,
 * every address of it must be allowed, the connection goes to a checked address, and the peer's
 * address is checked again before the first byte of the request is written. TLS is always
 * verified; redirects are answers like others, never followed; proxies of the environment do not
 * exist; an answer's body is read to 64 KiB as it comes, never decompressed.
 * One connection per request: nothing of one receiver's connection can serve another's request.
 */
export function createEgress(options: EgressOptions): Egress {
  const resolve =
    options.resolve ?? ((host: string) => lookup(host, { all: true, order: 'verbatim' }))

  async function sendSigned(request: EgressRequest): Promise<EgressResult> {
    const target = checkUrl(request.url, request.allow)
    if ('refused' in target) {
      return { kind: 'failure', reason: 'egressRefused', detail: target.refused }
    }
    const abort = new AbortController()
    const stop = (): void => abort.abort(new Error('the sender is stopping'))
    if (request.signal?.aborted === true) stop()
    request.signal?.addEventListener('abort', stop, { once: true })
    const cancelTimer = options.timers.after(request.timeoutMs, () =>
      abort.abort(new TimedOutError(`no complete answer within ${request.timeoutMs} ms`)),
    )
    try {
      const addresses = await orAborted(
        checkedAddresses(target, request.allow, resolve),
        abort.signal,
      )
      return await exchange(request, target, addresses, abort)
    } catch (error) {
      return failure(abort.signal.aborted ? abort.signal.reason : error)
    } finally {
      cancelTimer()
      request.signal?.removeEventListener('abort', stop)
    }
  }

  async function exchange(
    request: EgressRequest,
    { url, host }: EgressTarget,
    addresses: readonly ResolvedAddress[],
    abort: AbortController,
  ): Promise<EgressResult> {
    const client = new Client(url.origin, {
      connect: guardedConnector({
        host,
        addresses,
        allow: request.allow,
        timeoutMs: request.timeoutMs,
        signal: abort.signal,
        ca: options.ca,
        connector: options.connector,
      }),
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: HEAD_BYTES_MAX,
      // The timer over everything stands for these two.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    try {
      let interim = 0
      const response = await orAborted(
        client.request({
          method: 'POST',
          path: `${url.pathname}${url.search}`,
          headers: request.headers,
          body: request.body,
          reset: true,
          signal: abort.signal,
          onInfo: () => {
            interim += 1
            if (interim > INTERIM_ANSWERS_MAX) {
              abort.abort(new Error(`more than ${INTERIM_ANSWERS_MAX} interim (1xx) answers`))
            }
          },
        }),
        abort.signal,
      )
      return await readAnswer(response, abort.signal)
    } finally {
      // Not awaited: the answer is known, and the socket is cut whatever state it is in.
      void client.destroy().catch(() => undefined)
    }
  }

  return { sendSigned }
}

async function readAnswer(
  response: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<EgressResult> {
  const chunks: Buffer[] = []
  let size = 0
  const read = async (): Promise<void> => {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= ANSWER_BYTES_MAX) return
    }
  }
  await orAborted(read(), signal)
  return {
    kind: 'answer',
    status: response.statusCode,
    retryAfter: oneHeader(response.headers['retry-after']),
    bodyStart: answerText(
      Buffer.concat(chunks),
      oneHeader(response.headers['content-encoding']) ?? 'identity',
    ),
  }
}

function oneHeader(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}

function failure(error: unknown): EgressResult {
  if (error instanceof RefusedError) {
    return { kind: 'failure', reason: 'egressRefused', detail: error.message }
  }
  if (error instanceof TimedOutError) {
    return { kind: 'failure', reason: 'timeout', detail: error.message }
  }
  const { code } = error as { code?: unknown }
  const message = error instanceof Error ? error.message : String(error)
  // undici's own guard against a connection that is never made; ours may be a moment later.
  const reason = code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'network'
  const known = typeof code === 'string' && !message.includes(code) ? `${code}: ` : ''
  return { kind: 'failure', reason, detail: answerText(Buffer.from(`${known}${message}`)) }
}
