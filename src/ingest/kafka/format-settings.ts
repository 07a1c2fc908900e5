import { z } from 'zod'

/** A field's path in a record: names joined by dots. */
const pathSchema = z
  .string()
  .min(1)
  .max(256)
  .refine((path) => !path.startsWith('.') && !path.endsWith('.') && !path.includes('..'), {
    message: 'expected a path such as "log.message"',
  })

/** A topic's name, as Kafka allows it. */
const topicName = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,249}$/, 'expected a name of letters, digits, ".", "_" or "-"')
  .refine((name) => name !== '.' && name !== '..', { message: '"." and ".." are no topics' })

const common = {
  topic: topicName,
  /** Headers that become fields `kafka_header_…`. */
  headers: z.array(z.string().min(1).max(256)).max(64).default([]),
}

/** What the records of a topic are, and how they become events. */
export const topicSchema = z.preprocess(
  // A name alone is a topic of GELF, and GELF need not be said.
  (value) => {
    if (typeof value === 'string') return { topic: value, format: 'gelf' }
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? { format: 'gelf', ...value } : value
  },
  z.discriminatedUnion(
    'format',
    [
      z.strictObject({ ...common, format: z.literal('gelf') }),
      z.strictObject({
        ...common,
        format: z.literal('json'),
        /** Which fields of a record say when, where and what. */
        fields: z
          .strictObject({
            time: pathSchema.default('timestamp'),
            source: pathSchema.default('source'),
            message: pathSchema.default('message'),
          })
          .prefault({}),
      }),
      z.strictObject({
        ...common,
        format: z.literal('cloudevents'),
        /** Path in the data of what becomes the message. */
        message: pathSchema.default('message'),
      }),
      z.strictObject({
        ...common,
        format: z.literal('text'),
        /** The events' source; default the topic's name. */
        source: z.string().min(1).max(256).optional(),
      }),
    ],
    { error: 'expected a topic\'s name, or its format: "gelf", "json", "cloudevents" or "text"' },
  ),
)

export type TopicSettings = z.output<typeof topicSchema>

/** A topic's settings without its name: all that reading a record needs. */
export type FormatSettings = TopicSettings extends infer T
  ? T extends TopicSettings
    ? Omit<T, 'topic'>
    : never
  : never
