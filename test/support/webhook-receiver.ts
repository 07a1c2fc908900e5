import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'

/** One request that a receiver got: verified by two npm packages, not by our own code. */
export interface ReceivedWebhook {
  readonly id: string
  readonly type: string
  readonly body: string
  readonly atMs: number
  readonly status: number
}

export interface WebhookReceiver {
  readonly port: number
  readonly received: readonly ReceivedWebhook[]
  readonly rejected: readonly string[]
  close(): Promise<void>
}

/** A receiver that answers what `answer` says (default 200) after the signature was verified. */
export async function startWebhookReceiver(
  secret: string,
  answer: (nth: number) => number = () => 200,
): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = []
  const rejected: string[] = []
  const webhook = new Webhook(secret)
  const svix = new SvixWebhook(secret)
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      try {
        const headers = request.headers as Record<string, string>
        const event = webhook.verify(body, headers) as { type: string }
        svix.verify(body, headers) // Throws for a bad signature, and returns nothing for a good one.
        const status = answer(received.length)
        const id = String(request.headers['webhook-id'])
        received.push({ id, type: event.type, body, atMs: Date.now(), status })
        response.writeHead(status).end()
      } catch (error) {
        rejected.push(String(error))
        response.writeHead(401).end()
      }
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    rejected,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
