import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'
import { configName, paging, problems } from '../requests.ts'
import { gapSchema, page } from '../schemas.ts'

const instantMs = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** What is missing of the inputs, from when to when and why. */
export function gapRoutes(app: App, { readModel }: HttpOptions): void {
  app.get('/api/v1/gaps', {
    schema: {
      operationId: 'listGaps',
      tags: ['inputs'],
      summary: 'What is missing of inputs, the latest known first',
      querystring: z.strictObject({
        input: configName.optional(),
        from: instantMs.optional(),
        to: instantMs.optional(),
        ...paging,
      }),
      response: { 200: page(gapSchema), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { input, from, to, cursor, limit } }) =>
      readModel.gaps({
        limit,
        ...(input === undefined ? {} : { input }),
        ...(from === undefined ? {} : { fromMs: from }),
        ...(to === undefined ? {} : { toMs: to }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
  })
}
