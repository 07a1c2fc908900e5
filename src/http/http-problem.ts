/** What is wrong with one part of a request. */
export interface FieldProblem {
  /** `body`, `querystring`, `params` or `headers`. */
  readonly in: string
  /** JSON pointer into it; empty for the whole. */
  readonly path: string
  readonly message: string
}

/** The body of every answer that is not a success (RFC 9457). */
export interface ProblemBody {
  /** `urn:tocsin:problem:` and a short stable name. */
  readonly type: string
  readonly title: string
  readonly status: number
  /** A sentence about this one case. */
  readonly detail: string
  /** The request's id, to find its line in the log. */
  readonly instance: string
  readonly errors?: readonly FieldProblem[]
}

const TITLES = {
  'bad-request': [400, 'The request is not understood'],
  unauthorized: [401, 'A token is needed'],
  forbidden: [403, 'The token does not allow this'],
  'not-found': [404, 'Nothing is here'],
  'method-not-allowed': [405, 'The method is not allowed here'],
  conflict: [409, 'The incident does not allow this now'],
  'precondition-failed': [412, 'The incident has changed since'],
  'too-large': [413, 'The request is too large'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'precondition-required': [428, 'The header If-Match is needed'],
  'too-many-requests': [429, 'Too many requests'],
  internal: [500, 'The request failed'],
  unavailable: [503, 'Not available now'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemName = keyof typeof TITLES

/** Thrown by routes and hooks; the error handler turns it into the answer. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly problem: ProblemName
  readonly headers: Readonly<Record<string, string>>
  readonly errors: readonly FieldProblem[] | undefined

  constructor(
    problem: ProblemName,
    detail: string,
    extra: {
      readonly headers?: Readonly<Record<string, string>>
      readonly errors?: readonly FieldProblem[]
    } = {},
  ) {
    super(detail)
    this.problem = problem
    this.headers = extra.headers ?? {}
    this.errors = extra.errors
  }

  get status(): number {
    return TITLES[this.problem][0]
  }

  body(instance: string): ProblemBody {
    const [status, title] = TITLES[this.problem]
    const errors = this.errors === undefined ? {} : { errors: this.errors }
    const type = `urn:tocsin:problem:${this.problem}`
    return { type, title, status, detail: this.message, instance, ...errors }
  }
}

/** The problem's name for a status that a library chose. */
export function problemNameOf(status: number): ProblemName {
  for (const [name, [known]] of Object.entries(TITLES)) {
    if (known === status) return name as ProblemName
  }
  return status >= 500 ? 'internal' : 'bad-request'
}
