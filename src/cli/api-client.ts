/** Where the service is and who asks. */
export interface ApiTarget {
  /** Base address, such as `http://127.0.0.1:8080`. */
  readonly url: string
  readonly token: string | undefined
}

export interface ApiAnswer {
  readonly body: unknown
  readonly etag: string | null
}

/** A request that did not succeed, in a sentence; `exitCode` 1 is the service's no, 2 ours. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2, cause?: unknown) {
    super(message, { cause })
    this.exitCode = exitCode
  }
}

const TIMEOUT_MS = 15_000

/** One request to the REST API of a running service. Throws {@link ApiFailure}. */
export async function callApi(
  target: ApiTarget,
  request: {
    readonly method: 'GET' | 'POST'
    /** Below `/api/v1/`. */
    readonly path: string
    readonly body?: unknown
    readonly ifMatch?: string
  },
): Promise<ApiAnswer> {
  const { method, path, body, ifMatch } = request
  const response = await send(target, `/api/v1/${path}`, {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: {
      accept: 'application/json',
      ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await jsonOf(response, target)
  if (response.ok) return { body: answer, etag: response.headers.get('etag') }
  throw refusal(response.status, answer, target)
}

async function send(target: ApiTarget, path: string, init: RequestInit): Promise<Response> {
  if (!URL.canParse(target.url) || !/^https?:$/.test(new URL(target.url).protocol)) {
    const form = 'expected an address such as http://127.0.0.1:8080'
    throw new ApiFailure(`--url "${target.url}": ${form}`, 2)
  }
  try {
    return await fetch(new URL(path, target.url), init)
  } catch (error) {
    throw new ApiFailure(`${target.url} cannot be reached: ${reasonOf(error)}`, 2, error)
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `no answer within ${TIMEOUT_MS / 1_000} s`
  }
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ECONNREFUSED') {
    return 'the connection was refused. Is "tocsin serve" running there? Set --url or TOCSIN_URL.'
  }
  if (code === 'ENOTFOUND') return 'the name is not known. Set --url or TOCSIN_URL.'
  return cause instanceof Error ? cause.message : String(error)
}

async function jsonOf(response: Response, target: ApiTarget): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (error) {
    const kind = response.headers.get('content-type') ?? 'nothing'
    const message = `${target.url} answered ${response.status} with ${kind}, not JSON: is that Tocsin?`
    throw new ApiFailure(message, 2, error)
  }
}

function refusal(status: number, answer: unknown, { url, token }: ApiTarget): ApiFailure {
  const detail = detailOf(answer) ?? `status ${status}`
  switch (status) {
    case 401:
      return new ApiFailure(
        token === undefined
          ? `${url} asks for a token: set TOCSIN_TOKEN or --token.`
          : `${url} does not know this token: ${detail}`,
        2,
      )
    case 412:
      return new ApiFailure(`It has changed since you looked: ${detail} Look again first.`, 1)
    case 400:
      return new ApiFailure(detail, 2)
    default:
      return new ApiFailure(detail, 1)
  }
}

function detailOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('detail' in answer)) return undefined
  return typeof answer.detail === 'string' ? answer.detail : undefined
}
