import { z } from 'zod'
import { LOG_LEVELS } from './logger.ts'

/** The part `telemetry:` of tocsin.yaml. Traces are set by the standard `OTEL_…` variables. */
export const telemetrySchema = z.strictObject({
  log_level: z.enum(LOG_LEVELS).default('info'),
  /** Own logs to Graylog as GELF; absent: only standard output. */
  graylog: z
    .strictObject({
      host: z.string().min(1),
      port: z.int().min(1).max(65_535).default(12_201),
      protocol: z.enum(['udp', 'tcp']).default('udp'),
      /** `source` of our records. */
      source: z.string().min(1).max(255).default('tocsin'),
    })
    .optional(),
})

export type TelemetrySettings = z.infer<typeof telemetrySchema>
