import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import type { Report } from '../model/occurrence.ts'
import { ProblemError } from '../model/problem.ts'
import { HttpProblem, problemNameOf, type FieldProblem } from './http-problem.ts'

/** Turns whatever a route threw into a problem (RFC 9457); faults of ours tell nothing outside. */
export function failureHandler(report: Report) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = problemOf(error)
    if (problem.status >= 500 && !(error instanceof HttpProblem)) {
      const { method, routeOptions } = request
      const route = `${method} ${routeOptions.url ?? ''}`
      report({ name: 'http.failed', detail: { route, request: request.id, error } })
    }
    return sendProblem(reply, problem, request.id)
  }
}

export function sendProblem(reply: FastifyReply, problem: HttpProblem, id: string): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem.body(`urn:tocsin:request:${id}`)))
}

function problemOf(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = fieldProblems(error)
    const first = errors.map((each) => `${each.in}${each.path}: ${each.message}`).join('; ')
    return new HttpProblem('bad-request', first, { errors })
  }
  const cursor = badCursor(error)
  if (cursor !== undefined) return cursor
  const status = statusOf(error)
  if (status === undefined || status >= 500) {
    return new HttpProblem('internal', 'Something went wrong on our side; the log has the details.')
  }
  return new HttpProblem(problemNameOf(status), error instanceof Error ? error.message : '')
}

function fieldProblems(error: FastifyError): readonly FieldProblem[] {
  const part = error.validationContext ?? 'request'
  return (error.validation ?? []).map(({ instancePath, message }) => ({
    in: part,
    path: instancePath === '/' ? '' : instancePath,
    message: message ?? 'is not valid',
  }))
}

/** Only the read model can tell whether a cursor is one of its own. */
function badCursor(error: unknown): HttpProblem | undefined {
  if (!(error instanceof ProblemError)) return undefined
  const problem = error.problems.find(({ code }) => code === 'bad-cursor')
  if (problem === undefined) return undefined
  const { message } = problem
  const errors = [{ in: 'querystring', path: '/cursor', message }]
  return new HttpProblem('bad-request', message, { errors })
}

/** The status a library gave its error (too large, not JSON, too many …). */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  const { statusCode } = error
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : undefined
}
