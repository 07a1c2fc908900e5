import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'

/** Content type of the Prometheus text format. */
const EXPOSITION = 'text/plain; version=0.0.4; charset=utf-8'

/** What Prometheus scrapes: the process itself, and the objectives of the whole installation. */
export function metricsRoutes(app: App, { metrics, sloMetrics }: HttpOptions): void {
  const exposition = (
    url: string,
    operationId: string,
    summary: string,
    read: () => Promise<string>,
  ): void => {
    app.get(url, {
      config: { rateLimit: false },
      schema: {
        operationId,
        tags: ['metrics'],
        summary,
        response: {
          200: {
            description: 'Prometheus text format',
            content: { 'text/plain': { schema: z.string() } },
          },
        },
      },
      handler: async (_, reply) => reply.type(EXPOSITION).send(await read()),
    })
  }
  exposition('/metrics', 'readMetrics', 'Figures of this process', metrics)
  exposition('/metrics/slo', 'readSloMetrics', 'Figures of the objectives', sloMetrics)
}
