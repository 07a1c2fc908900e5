// A small receiver of Tocsin's webhooks that stands alone: copy it, change what happens in
// `onEvent`, run it with Node 24. It checks the three headers of Standard Webhooks 1.0.0 before it
// believes anything, answers 2xx only for what it has taken, and takes nothing twice.
//
//   WEBHOOK_SECRET=whsec_… node examples/receiver.ts 9099
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'

/** Tocsin sends at most 20 kB. */
const BODY_BYTES_MAX = 64 * 1024

/** How far the signed time may lie from our clock, both ways: an old request cannot be replayed. */
const TOLERANCE_S = 5 * 60

/** Ids that are remembered to take nothing twice. */
const REMEMBERED_MAX = 10_000

export interface WebhookEvent {
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly sequence: string
  readonly severitytext: string
  readonly data: {
    readonly incident: {
      readonly id: string
      readonly number: number
      readonly title: string
      readonly url: string | null
      readonly severity: string
      readonly phase: string
      readonly signal: string
      readonly group: Readonly<Record<string, string>>
    }
    readonly report: Readonly<Record<string, unknown>>
    readonly change: Readonly<Record<string, string>> | null
    readonly truncated: boolean
  }
}

/**
 * Why a request is not to be believed, or `null` when it is: a header is missing, its time is too
 * far from ours, or none of its `v1` signatures was made with one of the secrets.
 */
export function rejection(request: {
  /** As `node:http` gives them: names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
  readonly secrets: readonly string[]
  readonly nowS: number
}): string | null {
  const id = request.headers['webhook-id']
  const timestamp = request.headers['webhook-timestamp']
  const signatures = request.headers['webhook-signature']
  if (typeof id !== 'string' || id === '') return 'webhook-id is missing'
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) {
    return 'webhook-timestamp is missing or no number of seconds'
  }
  if (typeof signatures !== 'string') return 'webhook-signature is missing'
  if (Math.abs(request.nowS - Number(timestamp)) > TOLERANCE_S) {
    return 'webhook-timestamp is too far from the present'
  }
  for (const secret of request.secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    const signed = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(request.body)
    const expected = Buffer.from(`v1,${signed.digest('base64')}`)
    for (const signature of signatures.split(' ')) {
      const given = Buffer.from(signature)
      if (given.length === expected.length && timingSafeEqual(given, expected)) return null
    }
  }
  return 'no signature fits'
}

/** An HTTP server that hands each new, verified event to `onEvent` once, in order per incident. */
export function createReceiver(options: {
  readonly secrets: readonly string[]
  readonly onEvent: (event: WebhookEvent) => void
  readonly onRejected?: (reason: string) => void
}): Server {
  const taken = new Set<string>()
  return createServer((request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
      response.end(`${text}\n`)
    }
    if (request.method !== 'POST') return answer(405, 'send a POST')
    return void readBody(request)
      .then((body) => {
        if (body === null) {
          response.setHeader('connection', 'close')
          return answer(413, 'too large')
        }
        const nowS = Math.floor(Date.now() / 1000)
        const { headers } = request
        const reason = rejection({ headers, body, secrets: options.secrets, nowS })
        if (reason !== null) {
          options.onRejected?.(reason)
          return answer(401, reason)
        }
        const id = String(headers['webhook-id'])
        // An answer of ours that was lost makes the sender try again: same id, same event.
        if (taken.has(id)) return answer(200, 'known already')
        options.onEvent(JSON.parse(body.toString('utf8')) as WebhookEvent)
        taken.add(id)
        if (taken.size > REMEMBERED_MAX) taken.delete(taken.values().next().value!)
        return answer(200, 'taken')
      })
      .catch((error: unknown) => {
        // Not taken: the sender will come again.
        answer(500, error instanceof Error ? error.message : 'failed')
      })
  })
}

/** `null` when it is larger than we take. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

if (import.meta.main) {
  const secrets = (process.env['WEBHOOK_SECRET'] ?? '').split(' ').filter(Boolean)
  const port = Number(process.argv[2] ?? '9099')
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  if (secrets.length === 0 || !Number.isInteger(port)) {
    process.stderr.write('usage: WEBHOOK_SECRET=whsec_… node examples/receiver.ts [PORT]\n')
    process.exitCode = 2
  } else {
    const server = createReceiver({
      secrets,
      onEvent: ({ type, severitytext, data: { incident } }) =>
        // JSON.stringify: a title comes from logs, and must not steer the terminal.
        print(`${type} #${incident.number} ${severitytext} ${JSON.stringify(incident.title)}`),
      onRejected: (reason) => print(`rejected: ${reason}`),
    })
    server.listen(port, '127.0.0.1', () => print(`listening on http://127.0.0.1:${port}/`))
  }
}
