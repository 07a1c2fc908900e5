import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'
import { noQuery } from '../requests.ts'
import { list } from '../schemas.ts'

const readiness = z.object({
  ready: z.boolean(),
  reasons: list(z.string()),
  /** What works, but may not be right. */
  warnings: list(z.string()),
})

/** For probes: alive means the process answers, ready that it takes and evaluates events. */
export function healthRoutes(app: App, { ready }: HttpOptions): void {
  app.get('/health/live', {
    config: { rateLimit: false },
    schema: {
      operationId: 'isLive',
      tags: ['health'],
      summary: 'Whether the process answers',
      security: [],
      querystring: noQuery,
      response: { 200: z.object({ live: z.literal(true) }) },
    },
    handler: async () => ({ live: true as const }),
  })

  app.get('/health/ready', {
    config: { rateLimit: false },
    schema: {
      operationId: 'isReady',
      tags: ['health'],
      summary: 'Whether events are taken and evaluated; 503 with the reasons when not',
      security: [],
      querystring: noQuery,
      response: { 200: readiness, 503: readiness },
    },
    handler: async (_, reply) => {
      const answer = ready()
      return reply.code(answer.ready ? 200 : 503).send(answer)
    },
  })
}
