import { z } from 'zod'
import type { App } from '../app.ts'
import type { HttpOptions } from '../options.ts'
import { configName, paging, problems } from '../requests.ts'
import { deliverySchema, deliveryState, page } from '../schemas.ts'

/** Notifications and what became of them; `state=dead` lists what was given up. */
export function deliveryRoutes(app: App, { readModel }: HttpOptions): void {
  app.get('/api/v1/deliveries', {
    schema: {
      operationId: 'listDeliveries',
      tags: ['deliveries'],
      summary: 'Deliveries, newest first',
      querystring: z.strictObject({
        state: deliveryState.optional(),
        receiver: configName.optional(),
        ...paging,
      }),
      response: { 200: page(deliverySchema), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { state, receiver, cursor, limit } }) =>
      readModel.deliveries({
        limit,
        ...(state === undefined ? {} : { state }),
        ...(receiver === undefined ? {} : { receiver }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
  })
}
