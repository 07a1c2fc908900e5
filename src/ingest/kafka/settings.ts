import { z } from 'zod'

import { durationSchema, nameSchema } from '../gelf/settings.ts'
import { isLoopback } from '../../lib/loopback.ts'
import { formatDuration } from '../../model/duration.ts'
import { DEFAULT_TIMING } from '../../model/partition.ts'
import { topicSchema } from './format-settings.ts'
import { saslSchema, tlsSchema } from './security-settings.ts'

/** `host:port` of a broker. */
const brokerSchema = z
  .string()
  .regex(
    /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]/@]+):([1-9]\d{0,4})$/,
    'expected a broker such as "kafka-1.example.org:9092"',
  )
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, {
    message: 'expected a port up to 65535',
  })

/** Topics of a Kafka cluster. Positions are kept by Tocsin; the group only says who is there. */
export const kafkaSchema = z
  .strictObject({
    type: z.literal('kafka'),
    /** Used in rules (`from`), metrics and the journal. */
    name: nameSchema,
    brokers: z.array(brokerSchema).min(1).max(64),
    topics: z.array(topicSchema).min(1).max(256).superRefine(topicsAreUnique),
    /** Consumer group; one per installation. */
    group: z.string().min(1).max(249).default('tocsin'),
    client_id: z.string().min(1).max(249).default('tocsin'),
    /** Where a topic begins that was never read. */
    start: z.enum(['earliest', 'latest']).default('latest'),
    tls: tlsSchema.default(false),
    sasl: saslSchema.optional(),
    /** Labels that incidents from this input carry. */
    labels: z.record(z.string(), z.string()).default({}),
    /** How long an event may come after a later one and still be in time; ms in the output. */
    reorder: durationSchema.prefault(formatDuration(DEFAULT_TIMING.reorderMs)),
    /** Silence after which a partition counts as idle; ms in the output. */
    idle_after: durationSchema.prefault(formatDuration(DEFAULT_TIMING.idleAfterMs)),
    /** Needed to send a password or token in the clear to other machines. */
    allow_insecure: z.boolean().default(false),
  })
  .superRefine(isDeliberate)

export type KafkaInputSettings = z.output<typeof kafkaSchema>

function topicsAreUnique(
  topics: readonly { readonly topic: string }[],
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>()
  for (const [i, { topic }] of topics.entries()) {
    if (seen.has(topic)) {
      const message = `"${topic}" is listed twice; a topic has one format`
      context.addIssue({ code: 'custom', path: [i], message })
    }
    seen.add(topic)
  }
}

/** PLAIN and a bearer token can be read, and used, by whoever is on the way. */
function isDeliberate(
  input: {
    readonly brokers: readonly string[]
    readonly tls: unknown
    readonly sasl?: { readonly mechanism: string } | undefined
    readonly allow_insecure: boolean
  },
  context: z.RefinementCtx,
): void {
  const { sasl, tls, brokers, allow_insecure: isAllowed } = input
  const isOpen = sasl?.mechanism === 'plain' || sasl?.mechanism === 'oauthbearer'
  if (!isOpen || tls !== false || isAllowed) return
  const far = brokers.find(
    (broker) => !isLoopback(broker.replace(/:\d+$/, '').replace(/[[\]]/g, '')),
  )
  if (far === undefined) return
  const message =
    `"${sasl?.mechanism}" sends its secret readably to "${far}": say "tls: true", take a "scram" ` +
    'mechanism, or say "allow_insecure: true"'
  context.addIssue({ code: 'custom', path: ['sasl'], message })
}
