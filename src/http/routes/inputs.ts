import { z } from 'zod'
import type { App } from '../app.ts'
import type { InputRates } from '../input-rates.ts'
import { noQuery, problems } from '../requests.ts'
import { inputSchema, list } from '../schemas.ts'

/** Where events come from, how fast, and how far behind the evaluation is. */
export function inputRoutes(app: App, rates: InputRates): void {
  app.get('/api/v1/inputs', {
    schema: {
      operationId: 'listInputs',
      tags: ['inputs'],
      summary: 'Inputs by partition with rate, backlog and watermark',
      querystring: noQuery,
      response: { 200: z.object({ items: list(inputSchema) }), ...problems(400, 401, 403) },
    },
    handler: async () => ({ items: rates.inputs() }),
  })
}
