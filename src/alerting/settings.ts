import * as z from 'zod'

import { Secret } from '../lib/secret.ts'
import { DURATION_EXPECTED, parseDuration } from '../model/duration.ts'
import { SEVERITIES } from '../model/severity.ts'
import type { Severity } from '../model/severity.ts'
import { parseCidr } from './address-list.ts'
import { checkUrl, type EgressAllowance } from './egress-guard.ts'
import type { DeliveryRoute } from './receivers/webhook/deliveries.ts'
import { secretProblem } from './receivers/webhook/signature.ts'

/** Standard Webhooks: 15 to 30 s. */
const TIMEOUT_MS = { default: 15_000, max: 30_000 } as const

/** A receiver as it stands in force: one entry of `receivers` in tocsin.yaml, read. */
export interface Receiver {
  readonly name: string
  readonly url: string
  /** The first one is the newest; all of them sign, so that a secret can be changed (P2). */
  readonly secrets: readonly Secret[]
  readonly schedule: 'urgent'
  /** For the whole of one attempt, from looking up the name to the end of the answer. */
  readonly timeoutMs: number
  readonly allow: EgressAllowance
  readonly severityAtLeast: Severity | null
  readonly labels: Readonly<Record<string, string>>
}

/** What the core has to know of a receiver: no address, no secret. */
export function routeOf(receiver: Receiver): DeliveryRoute {
  const { name, severityAtLeast, labels } = receiver
  return { name, severityAtLeast, labels }
}

const durationSchema = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= TIMEOUT_MS.max) return ms
  context.addIssue({
    code: 'custom',
    message: `timeout "${text}": expected ${DURATION_EXPECTED}, at most 30s`,
  })
  return z.NEVER
})

const secretSchema = z.string().transform((text, context) => {
  const problem = secretProblem(text)
  if (problem !== null) context.addIssue({ code: 'custom', message: problem, input: '***' })
  return new Secret(text)
})

const cidrSchema = z.string().refine((text) => parseCidr(text) !== undefined, {
  error: ({ input }) =>
    `${JSON.stringify(input)}: expected an address or a range such as "10.1.0.0/16" or "fd00::/8"`,
})

const webhookSchema = z
  .strictObject({
    url: z.string().min(1).max(2_000),
    /** One of the two: one secret, or several while they change, the newest first. */
    secret: secretSchema.optional(),
    secrets: z.array(secretSchema).min(1).max(4).optional(),
  })
  .transform(({ url, secret, secrets }, context) => {
    if ((secret === undefined) === (secrets === undefined)) {
      context.addIssue({
        code: 'custom',
        message:
          secret === undefined
            ? 'a webhook needs "secret" (one) or "secrets" (several, the newest first)'
            : 'write either "secret" or "secrets", not both',
      })
    }
    return { url, secrets: secrets ?? (secret === undefined ? [] : [secret]) }
  })

const allowSchema = z.strictObject({
  http: z.boolean().default(false),
  addresses: z.array(cidrSchema).max(64).default([]),
  ports: z.array(z.int().min(1).max(65_535)).max(64).default([]),
})

/** One entry of `receivers` in tocsin.yaml. */
export const receiverSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
      error: ({ input }) =>
        `receiver name ${JSON.stringify(input)}: expected lower-case letters, digits, "-" and "_", at most 63`,
    }),
    webhook: webhookSchema,
    schedule: z.literal('urgent').default('urgent'),
    timeout: durationSchema.default(TIMEOUT_MS.default),
    allow: allowSchema.default({ http: false, addresses: [], ports: [] }),
    severity_at_least: z.enum(SEVERITIES).optional(),
    labels: z.record(z.string().min(1), z.string()).default({}),
  })
  .transform(
    ({ name, webhook, schedule, timeout, allow, severity_at_least, labels }): Receiver => ({
      name,
      url: webhook.url,
      secrets: webhook.secrets,
      schedule,
      timeoutMs: timeout,
      allow,
      severityAtLeast: severity_at_least ?? null,
      labels,
    }),
  )
  .superRefine(({ url, allow }, context) => {
    // The same door checks it before every attempt; here it is said while somebody is looking.
    const target = checkUrl(url, allow)
    if ('refused' in target) {
      context.addIssue({ code: 'custom', path: ['webhook', 'url'], message: target.refused })
    }
  })

/** `receivers` in tocsin.yaml: at most 100, each name once. */
export const receiversSchema = z
  .array(receiverSchema)
  .max(100)
  .superRefine((receivers, context) => {
    const seen = new Set<string>()
    for (const [i, { name }] of receivers.entries()) {
      if (seen.has(name)) {
        context.addIssue({
          code: 'custom',
          path: [i, 'name'],
          message: `receiver name "${name}" is used twice; deliveries are kept by it`,
        })
      }
      seen.add(name)
    }
  })
