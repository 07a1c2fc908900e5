import { ApiFailure } from '../api-client.ts'

/** Where Graylog is, and as whom we speak to it. */
export interface GraylogTarget {
  /** Base address of its web interface or API, such as `http://127.0.0.1:9000`. */
  readonly url: string
  /** Name and password, or an access token and the word `token` (Graylog's own convention). */
  readonly user: string
  readonly password: string
}

/** Graylog is slow while it starts or installs; longer than this nobody waits. */
const TIMEOUT_MS = 60_000

/** A call that Graylog refused: its status and words. */
export class GraylogRefusal extends ApiFailure {
  override readonly name = 'ApiFailure'
  readonly status: number

  constructor(status: number, message: string) {
    super(message, status === 401 || status === 403 ? 2 : 1)
    this.status = status
  }
}

/** One call of Graylog's API; the parsed answer. Throws {@link ApiFailure}. */
export async function callGraylog(
  target: GraylogTarget,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<unknown> {
  if (!/^https?:/.test(target.url) || !URL.canParse(target.url)) {
    throw new ApiFailure(
      `--graylog "${target.url}": expected an address such as http://graylog:9000`,
      2,
    )
  }
  const address = `${target.url.replace(/\/(api\/?)?$/, '')}/api${path}`
  const basic = Buffer.from(`${target.user}:${target.password}`).toString('base64')
  let response: Response
  try {
    response = await fetch(address, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        authorization: `Basic ${basic}`,
        accept: 'application/json',
        // Graylog refuses every change without it.
        'x-requested-by': 'tocsin',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch (error) {
    const { message, cause } = error as Error
    const reason = cause instanceof Error ? cause.message : message
    throw new ApiFailure(`Graylog at ${target.url} cannot be reached: ${reason}`, 2, error)
  }
  const text = await response.text()
  if (!response.ok) throw refusal(response.status, text, method, path)
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch (error) {
    const message = `${target.url} did not answer with JSON: is that Graylog's address?`
    throw new ApiFailure(message, 2, error)
  }
}

function refusal(status: number, text: string, method: string, path: string): GraylogRefusal {
  if (status === 401)
    return new GraylogRefusal(status, 'Graylog does not know this user or password.')
  if (status === 403)
    return new GraylogRefusal(
      status,
      'This user of Graylog may not do that: take an administrator.',
    )
  const said = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text.slice(0, 300)
  return new GraylogRefusal(status, `Graylog refused ${method} ${path}: ${status} ${said}`)
}
