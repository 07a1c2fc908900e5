import { z } from 'zod'
import type { App } from '../app.ts'
import { HttpProblem } from '../http-problem.ts'
import type { HttpOptions } from '../options.ts'
import { configName, noQuery, paging, problems } from '../requests.ts'
import { rulesWithFigures } from '../rules-with-figures.ts'
import {
  checkProblemSchema,
  ledgerSchema,
  list,
  page,
  reloadSchema,
  ruleSchema,
  rulesetSchema,
} from '../schemas.ts'

/** The active rules with what they did, and what a refused reload was refused for. */
export function ruleRoutes(app: App, options: HttpOptions): void {
  app.get('/api/v1/rules', {
    schema: {
      operationId: 'listRules',
      tags: ['rules'],
      summary: 'Active rules with their health, and the problems of the last refused reload',
      querystring: noQuery,
      response: {
        200: z.object({
          items: list(ruleSchema),
          problems: list(checkProblemSchema),
          ruleset: rulesetSchema.nullable(),
          /** The last reload of this process that edited rules with state. */
          lastReload: reloadSchema.nullable(),
        }),
        ...problems(400, 401, 403),
      },
    },
    handler: async () => ({
      items: rulesWithFigures(options.rules(), options.stats()),
      problems: options.problems(),
      ruleset: options.ruleset() ?? null,
      lastReload: options.stats()?.lastReload ?? null,
    }),
  })
  app.post('/api/v1/rules/:id/confirm', {
    schema: {
      operationId: 'confirmRule',
      tags: ['rules'],
      summary: 'Vouch for a rule that is unverified',
      params: z.strictObject({ id: configName }),
      querystring: noQuery,
      body: z.strictObject({}).nullish(),
      response: { 200: z.object({ id: z.string() }), ...problems(400, 401, 403, 409) },
    },
    handler: async ({ params: { id: ruleId }, actor }) => {
      const id = options.newId()
      if (await options.confirm({ id, ruleId, actor: actor?.name ?? 'anonymous' })) return { id }
      throw new HttpProblem('conflict', `There is no unverified rule "${ruleId}".`)
    },
  })
  app.get('/api/v1/rules/:id/ledger', {
    schema: {
      operationId: 'listLedger',
      tags: ['rules'],
      summary: "What became of a rule's matches, by hour of event time, newest first",
      params: z.strictObject({ id: configName }),
      querystring: z.strictObject({ ...paging }),
      response: { 200: page(ledgerSchema), ...problems(400, 401, 403) },
    },
    handler: async ({ params: { id }, query: { cursor, limit } }) =>
      options.readModel.ledger({
        ruleId: id,
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      }),
  })
}
