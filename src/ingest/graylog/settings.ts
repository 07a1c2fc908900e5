import { z } from 'zod'

import { isDeliberate, listening } from '../gelf/settings.ts'
import type { GelfInputSettings } from '../gelf/settings.ts'
import { tlsSchema } from '../gelf/tls.ts'

/** Event notifications of Graylog: `POST /graylog`. Its silence is good news, so nobody is told. */
export const graylogWebhookSchema = z
  .strictObject({
    type: z.literal('graylog-webhook'),
    ...listening,
    /** What Graylog must show; without one, everyone who reaches the port may send. */
    token: z.string().min(8, 'expected a key of at least 8 characters').optional(),
    tls: tlsSchema.optional(),
  })
  .superRefine(isDeliberate)

export type GraylogWebhookSettings = z.output<typeof graylogWebhookSchema>

/** An input that others connect to. */
export type ListeningSettings = GelfInputSettings | GraylogWebhookSettings
