import { createHmac } from 'node:crypto'

import type { Secret } from '../../../lib/secret.ts'

/** Fewest and most bytes a signing secret may have (Standard Webhooks 1.0.0). */
const SECRET_BYTES = { min: 24, max: 64 } as const

const PREFIX = 'whsec_'

/**
 * What is wrong with a signing secret, as a sentence that says nothing of its text; `null` when it
 * is one: `whsec_` and 24 to 64 bytes in base64.
 */
export function secretProblem(secret: string): string | null {
  if (!secret.startsWith(PREFIX)) {
    return `a signing secret begins with "${PREFIX}", and this one does not`
  }
  const text = secret.slice(PREFIX.length)
  const bytes = Buffer.from(text, 'base64')
  const isBase64 = bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  if (!isBase64 || /=[^=]|={3}/.test(text)) {
    return `what follows "${PREFIX}" in a signing secret is base64 (A–Z, a–z, 0–9, +, /), and this is not`
  }
  if (bytes.length < SECRET_BYTES.min || bytes.length > SECRET_BYTES.max) {
    return `a signing secret holds ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes, and this one holds ${bytes.length}`
  }
  return null
}

/**
 * The three headers of Standard Webhooks 1.0.0 for one attempt: `webhook-signature` holds one `v1`
 * signature (HMAC-SHA256 over `id.timestamp.body`) per secret, so that a secret can be changed
 * while the receiver still knows only the old one. The id stays over all attempts, the time is
 * this attempt's.
 *
 * Throws for an id that could be read as more than an id, and for a secret that
 * {@link secretProblem} refuses: neither can happen with checked settings and derived ids.
 */
export function webhookHeaders(message: {
  readonly id: string
  readonly timeMs: number
  readonly body: string
  readonly secrets: readonly Secret[]
}): {
  readonly 'webhook-id': string
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
} {
  const { id, body, secrets } = message
  if (!/^[\w-]{1,128}$/.test(id)) {
    throw new Error(`webhook id ${JSON.stringify(id)}: expected 1 to 128 of A–Z a–z 0–9 _ -`)
  }
  if (secrets.length === 0) throw new Error('a webhook needs at least one signing secret')
  const timestamp = String(Math.floor(message.timeMs / 1000))
  const signed = `${id}.${timestamp}.${body}`
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => signature(signed, secret)).join(' '),
  }
}

function signature(signed: string, secret: Secret): string {
  const text = secret.reveal()
  const problem = secretProblem(text)
  if (problem !== null) throw new Error(problem)
  const key = Buffer.from(text.slice(PREFIX.length), 'base64')
  return `v1,${createHmac('sha256', key).update(signed, 'utf8').digest('base64')}`
}
