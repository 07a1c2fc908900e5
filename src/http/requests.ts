import { z } from 'zod'
import { problemSchema } from './schemas.ts'

/** The most one page holds (A4). */
const LIMIT_MAX = 500
const LIMIT_DEFAULT = 50

/** `limit` and `cursor` of every list; the schemas are closed, so other keys are refused. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT_DEFAULT),
  cursor: z
    .string()
    .regex(/^[\w.~=:+/-]{1,512}$/, 'expected the "next" of an earlier answer')
    .optional(),
}

/** An incident by its number or its id. */
export const incidentPath = z.strictObject({
  id: z.string().regex(/^\w[\w-]{0,63}$/, 'expected the number or the id of an incident'),
})

/** A name that the configuration gave: of a rule, a receiver. */
export const configName = z.string().min(1).max(256)

export const noQuery = z.strictObject({})

type Failure = 400 | 401 | 403 | 404 | 409 | 412 | 428 | 429 | 503

/** The problems a route may answer with, for the OpenAPI document. */
export function problems<const S extends readonly Failure[]>(
  ...statuses: S
): Record<S[number] | 429, { description: string; content: ProblemContent }> {
  const all: readonly number[] = [...statuses, 429]
  return Object.fromEntries(
    all.map((status) => [
      status,
      { description: DESCRIPTIONS[status as Failure], content: PROBLEM_CONTENT },
    ]),
  ) as Record<S[number] | 429, { description: string; content: ProblemContent }>
}

type ProblemContent = typeof PROBLEM_CONTENT
const PROBLEM_CONTENT = { 'application/problem+json': { schema: problemSchema } } as const

const DESCRIPTIONS: Readonly<Record<Failure, string>> = {
  400: 'The request is not understood; `errors` name the fields.',
  401: 'No token, or one that is not known.',
  403: 'The token does not allow this.',
  404: 'There is no such incident.',
  409: 'The incident does not allow this now.',
  412: 'The incident has changed since the version in If-Match.',
  428: 'If-Match is missing.',
  429: 'Too many requests; `Retry-After` says when to come back.',
  503: 'The core does not answer now; try again.',
}
