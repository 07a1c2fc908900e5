import type { FastifyRequest } from 'fastify'
import { isLoopback } from '../lib/loopback.ts'
import type { Report } from '../model/occurrence.ts'
import { accessOf, hasRole, type Access } from './access.ts'
import type { App } from './app.ts'
import { HttpProblem } from './http-problem.ts'
import { tokenLookup, type ApiToken } from './tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose token came with the request; `null` for an anonymous one. */
    actor: ApiToken | null
  }
}

interface AccessOptions {
  readonly tokens: readonly ApiToken[]
  readonly page: 'public' | 'token'
  readonly metricsPublic: boolean
  readonly listen: { readonly host: string }
  readonly report: Report
}

/**
 * Asks the access table before anything else of a request is looked at. A route without an entry
 * fails the start; a request without the needed role gets 401 or 403 and nothing more.
 */
export function guardRoutes(app: App, options: AccessOptions): void {
  const find = tokenLookup(options.tokens)
  app.decorateRequest('actor', null)
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of Array.isArray(method) ? method : [method]) {
      if (accessOf(each, url) === undefined) {
        throw new Error(`route ${each} ${url} has no entry in the access table`)
      }
    }
  })
  app.addHook('onRequest', async (request) => {
    const url = request.routeOptions.url
    if (request.is404 || url === undefined) return
    const access = accessOf(request.method, url)
    if (access === undefined) throw new HttpProblem('forbidden', 'This route is open to nobody.')
    try {
      admit(request, access, { ...options, find })
    } catch (error) {
      if (error instanceof HttpProblem) {
        options.report({ name: 'http.denied', labels: { reason: error.problem } })
      }
      throw error
    }
  })
}

function admit(
  request: FastifyRequest,
  access: Access,
  options: AccessOptions & { readonly find: (token: string) => ApiToken | undefined },
): void {
  if (access === 'public') return
  refuseOtherSites(request)
  const forBrowser = access === 'page' || access === 'metrics'
  const presented = presentedToken(request.headers.authorization, forBrowser)
  if (presented !== undefined) {
    const actor = options.find(presented)
    if (actor === undefined) throw unauthorized('The token is not known.', forBrowser)
    request.actor = actor
    const needed = forBrowser ? 'viewer' : access
    if (hasRole(actor.roles, needed)) return
    throw new HttpProblem('forbidden', `The token "${actor.name}" lacks the role "${needed}".`)
  }
  const isOpen = access === 'page' ? options.page === 'public' : options.metricsPublic
  if (forBrowser && isOpen && !isDisguised(request, options.listen.host)) return
  throw unauthorized('Send a token: Authorization: Bearer tcs_…', forBrowser)
}

/**
 * The token of an `Authorization` header. Page and metrics take it as the password of Basic too,
 * which browsers can ask for; commands never do, since browsers send Basic by themselves.
 */
function presentedToken(header: string | undefined, takesBasic: boolean): string | undefined {
  if (header === undefined || header === '') return undefined
  const [scheme = '', value = ''] = header.split(' ', 2)
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() === 'basic' && takesBasic) {
    const pair = Buffer.from(value, 'base64').toString('utf8')
    return pair.slice(pair.indexOf(':') + 1)
  }
  throw unauthorized('The Authorization header is not of the form: Bearer tcs_…', takesBasic)
}

/** A browser on another site may not make a request do anything (A6). */
function refuseOtherSites(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const site = request.headers['sec-fetch-site']
  if (site === undefined || site === 'same-origin' || site === 'none') return
  throw new HttpProblem('forbidden', 'Requests from other sites are refused.')
}

/**
 * Whether a request to a loopback address came for somebody else: through a proxy, or from a
 * page whose name was made to resolve to this machine (DNS rebinding). Such a one needs a token.
 */
function isDisguised(request: FastifyRequest, listenHost: string): boolean {
  if (!isLoopback(listenHost)) return false
  const { headers } = request
  const isProxied =
    headers['x-forwarded-for'] !== undefined ||
    headers['forwarded'] !== undefined ||
    headers['x-real-ip'] !== undefined
  return isProxied || !isLoopback(request.hostname.replace(/^\[(.*)\]$/, '$1'))
}

function unauthorized(detail: string, forBrowser: boolean): HttpProblem {
  const challenge = forBrowser ? 'Basic realm="Tocsin", charset="UTF-8"' : 'Bearer realm="Tocsin"'
  return new HttpProblem('unauthorized', detail, { headers: { 'www-authenticate': challenge } })
}
