import { STATUS_CODES } from 'node:http'

import type { FastifyError, FastifyReply } from 'fastify'

import { MAX_BULK_MESSAGES } from '../normalise/limits.ts'
import type { Rejection } from '../source.ts'
import type { Bulk } from './bulk.ts'

/** Seconds after which a sender may try again. */
const RETRY_AFTER_S = 5

/** Why a message was refused, for the person who wrote the sender. */
const SENTENCES: Partial<Record<Rejection, string>> = {
  too_short: 'it is empty',
  too_long: 'it is longer than 1 MiB',
  utf8: 'it is not valid UTF-8',
  json: 'it is not valid JSON',
  not_an_object: 'it is not a JSON object',
  depth: 'it nests deeper than 32 levels',
  fields: 'it has more than 512 fields, or a field name longer than 256 bytes',
  host: '"host" is not a text or is blank',
  message: '"short_message" is missing, not a text, or blank',
}

/** An answer other than 202: nothing of the request was kept. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly status: number
  /** For the metric; none where it is counted already or is nobody's message. */
  readonly reason: Rejection | undefined
  /** Which message is at fault: `index` (from 0) or `line` (from 1). */
  readonly place: Readonly<Record<string, number>>

  constructor(
    status: number,
    reason: Rejection | undefined,
    message: string,
    place: Readonly<Record<string, number>> = {},
  ) {
    super(message)
    this.status = status
    this.reason = reason
    this.place = place
  }
}

/** The refusal of a whole request for one of its messages. */
export function refusedMessage(
  reason: Rejection | 'too_many',
  form: Bulk['form'],
  place: number,
): HttpRefusal {
  if (reason === 'too_many') {
    return new HttpRefusal(
      413,
      'too_long',
      `more than ${MAX_BULK_MESSAGES} messages in one request`,
    )
  }
  if (reason === 'overload') {
    return new HttpRefusal(503, reason, 'too much waits for the journal; send again')
  }
  const where = placeOf(form, place)
  const at = Object.entries(where).map(([key, number]) => ` at ${key} ${number}`)
  const message = `the message${at.join('')} was refused: ${sentenceOf(reason)}`
  return new HttpRefusal(400, reason, message, where)
}

/** Where a message stands in its request: `index` from 0, `line` from 1, or nothing to tell. */
export function placeOf(form: Bulk['form'], place: number): Readonly<Record<string, number>> {
  return form === 'single' ? {} : { [form === 'array' ? 'index' : 'line']: place }
}

/** A reason as a sentence. */
export function sentenceOf(reason: Rejection): string {
  return SENTENCES[reason] ?? reason
}

/** What fastify throws by itself as a refusal of ours. */
export function refusalOf(error: FastifyError | HttpRefusal): HttpRefusal {
  if (error instanceof HttpRefusal) return error
  const status = error.statusCode ?? 500
  if (status === 413) return new HttpRefusal(413, 'too_long', 'the body is longer than 1 MiB')
  if (status >= 500) return new HttpRefusal(500, undefined, 'something went wrong here')
  return new HttpRefusal(status, 'incomplete', error.message)
}

/** Sends it as an RFC 9457 problem. */
export function sendRefusal(reply: FastifyReply, refusal: HttpRefusal): FastifyReply {
  const { status, reason, message: detail, place } = refusal
  if (status === 503) void reply.header('retry-after', String(RETRY_AFTER_S))
  const title = STATUS_CODES[status] ?? 'Refused'
  const problem = {
    type: 'about:blank',
    title,
    status,
    detail,
    ...(reason && { reason }),
    ...place,
  }
  return reply.code(status).type('application/problem+json').send(JSON.stringify(problem))
}
