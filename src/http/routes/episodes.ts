import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'
import { DISPOSITIONS } from '../../model/episode.ts'
import { configName, incidentPath, paging, problems } from '../requests.ts'
import { episodeSchema, page } from '../schemas.ts'

/** What fired from when to when, also without an incident. */
export function episodeRoutes(app: App, { readModel }: HttpOptions): void {
  app.get('/api/v1/episodes', {
    schema: {
      operationId: 'listEpisodes',
      tags: ['episodes'],
      summary: 'Episodes, newest first',
      querystring: z.strictObject({
        rule: configName.optional(),
        incident: incidentPath.shape.id.optional(),
        disposition: z.enum(DISPOSITIONS).optional(),
        ...paging,
      }),
      response: { 200: page(episodeSchema), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { rule, incident, disposition, cursor, limit } }) =>
      readModel.episodes({
        limit,
        ...(rule === undefined ? {} : { ruleId: rule }),
        ...(incident === undefined ? {} : { incidentId: incident }),
        ...(disposition === undefined ? {} : { disposition }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
  })
}
