import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'
import { noQuery, problems } from '../requests.ts'
import { list, sloSchema } from '../schemas.ts'

/** Objectives with what is left of their error budgets. */
export function sloRoutes(app: App, { slo }: HttpOptions): void {
  app.get('/api/v1/slo', {
    schema: {
      operationId: 'listSlo',
      tags: ['slo'],
      summary: 'Objectives with SLI, error budget and burn rates',
      querystring: noQuery,
      response: { 200: z.object({ items: list(sloSchema) }), ...problems(400, 401, 403) },
    },
    handler: async () => ({ items: await slo() }),
  })
}
