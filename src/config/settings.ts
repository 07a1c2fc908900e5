import { z } from 'zod'

import { receiversSchema } from '../alerting/settings.ts'
import { httpSchema } from '../http/settings.ts'
import { gelfHttpSchema, gelfTcpSchema, gelfUdpSchema } from '../ingest/gelf/settings.ts'
import { graylogWebhookSchema } from '../ingest/graylog/settings.ts'
import { journalSchema } from '../ingest/journal/settings.ts'
import { kafkaSchema } from '../ingest/kafka/settings.ts'
import { telemetrySchema } from '../telemetry/settings.ts'

const inputSchema = z.discriminatedUnion('type', [
  gelfTcpSchema,
  gelfUdpSchema,
  gelfHttpSchema,
  graylogWebhookSchema,
  kafkaSchema,
])

const fieldTypeSchema = z.enum(['text', 'lower', 'keyword', 'long', 'double', 'date'])

const procedureSchema = z.enum(['full', 'light', 'record'])

/**
 * The whole of `tocsin.yaml`, put together from each part's own schema. Unknown keys are refused;
 * everything has a default but what only the user can know.
 */
export const configSchema = z.strictObject({
  /** Folder of the journal and the database; relative to the config file. */
  data: z.string().min(1).default('data'),
  /** Rule files and folders; relative to the config file. */
  rules: z.array(z.string().min(1)).default(['rules']),
  inputs: z.array(inputSchema).default([]).superRefine(namesAreUnique),
  receivers: receiversSchema.default([]),
  http: httpSchema.prefault({}),
  journal: journalSchema.prefault({}),
  telemetry: telemetrySchema.prefault({}),
  /** Field types over Graylog's own mapping. */
  fields: z.record(z.string(), fieldTypeSchema).default({}),
  incidents: z
    .strictObject({
      /** How much of the procedure a severity asks for. */
      procedure: z
        .strictObject({
          critical: procedureSchema.default('full'),
          high: procedureSchema.default('full'),
          medium: procedureSchema.default('light'),
          low: procedureSchema.default('record'),
          info: procedureSchema.default('record'),
        })
        .prefault({}),
    })
    .prefault({}),
  graylog: z
    .strictObject({
      /** Base address of Graylog's web interface, for the links of reports. */
      url: z.url({ protocol: /^https?$/ }),
    })
    .optional(),
})

/** The configuration as checked and filled. */
export type Config = z.output<typeof configSchema>

function namesAreUnique(list: readonly { name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>()
  for (const [i, { name }] of list.entries()) {
    if (seen.has(name)) {
      const message = `"${name}" is used twice; names are unique`
      context.addIssue({ code: 'custom', path: [i, 'name'], message })
    }
    seen.add(name)
  }
}
