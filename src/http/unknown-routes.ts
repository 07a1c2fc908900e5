import type { FastifyRequest } from 'fastify'
import type { App } from './app.ts'
import { HttpProblem } from './http-problem.ts'

interface KnownRoute {
  readonly method: string
  readonly segments: readonly string[]
}

/** Notes every route as it is added, so that a wrong method can be told from a wrong path. */
export function rememberRoutes(app: App): readonly KnownRoute[] {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of Array.isArray(method) ? method : [method]) {
      routes.push({ method: each, segments: url.split('/') })
    }
  })
  return routes
}

/** 405 with `Allow` where the path is known under another method, else 404. */
export function answerUnknown(routes: readonly KnownRoute[]) {
  return async (request: FastifyRequest): Promise<never> => {
    const path = request.url.split('?', 1)[0] ?? ''
    const methods = routes.filter((route) => fits(route, path)).map((route) => route.method)
    if (methods.length === 0) throw new HttpProblem('not-found', 'There is no such address.')
    const allow = [...new Set(methods)].sort().join(', ')
    throw new HttpProblem('method-not-allowed', `${request.method} is not allowed: use ${allow}.`, {
      headers: { allow },
    })
  }
}

function fits({ segments }: KnownRoute, path: string): boolean {
  const parts = path.split('/')
  return (
    parts.length === segments.length &&
    segments.every((segment, i) => segment.startsWith(':') || segment === parts[i])
  )
}
