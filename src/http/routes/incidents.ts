import { z } from 'zod'
import type { CommandResult, IncidentCommand } from '../../model/command.ts'
import { DISMISSALS } from '../../model/incident.ts'
import type { App } from '../app.ts'
import { HttpProblem, type ProblemName } from '../http-problem.ts'
import { etag, expectedVersion } from '../if-match.ts'
import type { HttpOptions } from '../options.ts'
import type { IncidentDetail } from '../read-model.ts'
import { incidentPath, noQuery, paging, problems } from '../requests.ts'
import {
  commandAnswerSchema,
  incidentDetailSchema,
  incidentSchema,
  page,
  phase,
  severity,
} from '../schemas.ts'

const TEXT_MAX = 10_000
const sentence = z.string().trim().min(1).max(TEXT_MAX)

/** Looking at incidents. */
export function incidentRoutes(app: App, { readModel }: HttpOptions): void {
  app.get('/api/v1/incidents', {
    schema: {
      operationId: 'listIncidents',
      tags: ['incidents'],
      summary: 'Incidents, newest first',
      querystring: z.strictObject({
        phase: phase.optional(),
        severity: severity.optional(),
        open: z.enum(['true', 'false']).optional(),
        ...paging,
      }),
      response: { 200: page(incidentSchema), ...problems(400, 401, 403) },
    },
    handler: async ({ query: { open, phase, severity, cursor, limit } }) =>
      readModel.incidents({
        limit,
        ...(open === undefined ? {} : { open: open === 'true' }),
        ...(phase === undefined ? {} : { phase }),
        ...(severity === undefined ? {} : { severity }),
        ...(cursor === undefined ? {} : { cursor }),
      }),
  })

  app.get('/api/v1/incidents/:id', {
    schema: {
      operationId: 'showIncident',
      tags: ['incidents'],
      summary: 'One incident with its timeline, episodes and deliveries',
      params: incidentPath,
      querystring: noQuery,
      response: { 200: incidentDetailSchema, ...problems(400, 401, 403, 404) },
    },
    handler: async ({ params }, reply) => {
      const detail = await found(readModel, params.id)
      void reply.header('etag', etag(detail.incident.version))
      return detail
    },
  })
}

/** Working on them: each command is applied by the core and answered after its commit. */
export function incidentCommandRoutes(app: App, options: HttpOptions): void {
  const command = <B extends z.ZodType>(
    action: string,
    text: { readonly id: string; readonly summary: string; readonly needsVersion: boolean },
    body: B,
    toCommand: (incidentId: string, body: z.output<B>) => IncidentCommand,
  ): void => {
    app.post<{ Params: { id: string } }>(`/api/v1/incidents/:id/${action}`, {
      schema: {
        operationId: text.id,
        tags: ['incidents'],
        summary: text.summary,
        params: incidentPath,
        querystring: noQuery,
        body,
        ...(text.needsVersion ? { headers: ifMatchHeader } : {}),
        response: {
          200: commandAnswerSchema,
          ...problems(400, 401, 403, 404, 409, 412, 428, 503),
        },
      },
      handler: async (request, reply) => {
        const version = text.needsVersion ? expectedVersion(request.headers['if-match']) : undefined
        const { incident } = await found(options.readModel, request.params.id)
        const result = await options.command({
          id: options.newId(),
          actor: request.actor?.name ?? 'anonymous',
          command: toCommand(incident.id, request.body as z.output<B>),
          ...(version === undefined ? {} : { expectedVersion: version }),
        })
        if (!result.ok) throw refusal(result)
        void reply.header('etag', etag(result.version))
        return { id: result.id, incidentId: result.incidentId, version: result.version }
      },
    })
  }

  command(
    'acknowledge',
    { id: 'acknowledgeIncident', summary: 'Take an incident on', needsVersion: true },
    z.strictObject({}).nullish(),
    (incidentId) => ({ kind: 'acknowledge', incidentId }),
  )
  command(
    'notes',
    { id: 'noteIncident', summary: 'Write a note on the timeline', needsVersion: false },
    z.strictObject({ text: sentence }),
    (incidentId, { text }) => ({ kind: 'note', incidentId, text }),
  )
  command(
    'advance',
    { id: 'advanceIncident', summary: 'Move to another phase', needsVersion: true },
    z.strictObject({ to: phase, reason: sentence.optional() }),
    (incidentId, { to, reason }) => ({
      kind: 'advance',
      incidentId,
      to,
      ...(reason === undefined ? {} : { reason }),
    }),
  )
  command(
    'dismiss',
    { id: 'dismissIncident', summary: 'End it as no incident', needsVersion: true },
    z.strictObject({ as: z.enum(DISMISSALS), reason: sentence }),
    (incidentId, { as, reason }) => ({ kind: 'dismiss', incidentId, as, reason }),
  )
}

/** Documented here; its absence is 428 and not 400, so the route itself looks at it. */
const ifMatchHeader = z.looseObject({
  'if-match': z
    .string()
    .optional()
    .describe('Required: the ETag of the incident as you saw it, or `*`.'),
})

async function found(
  readModel: HttpOptions['readModel'],
  idOrNumber: string,
): Promise<IncidentDetail> {
  const detail = await readModel.incident(idOrNumber)
  if (detail !== undefined) return detail
  throw new HttpProblem('not-found', `There is no incident "${idOrNumber}".`)
}

type Refusal = Extract<CommandResult, { readonly ok: false }>

const REFUSALS: Readonly<Record<Refusal['reason'], ProblemName>> = {
  not_found: 'not-found',
  conflict: 'precondition-failed',
  refused: 'conflict',
  unavailable: 'unavailable',
}

function refusal({ reason, message }: Refusal): HttpProblem {
  const headers: Record<string, string> = reason === 'unavailable' ? { 'retry-after': '1' } : {}
  return new HttpProblem(REFUSALS[reason], message, { headers })
}
