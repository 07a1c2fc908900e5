/** Roles from least to most; each may do what those before it may. */
export const ROLES = ['viewer', 'responder', 'admin'] as const

export type Role = (typeof ROLES)[number]

/**
 * What a route asks: `public` nothing; `page` and `metrics` nothing on a loopback address where
 * the settings allow it, else the role viewer; otherwise the role itself.
 */
export type Access = 'public' | 'page' | 'metrics' | Role

/**
 * Deny by default: a route that is not in this table does not start. The table is the whole
 * answer to "who may do what" over HTTP.
 */
export const ACCESS: Readonly<Record<string, Access>> = {
  'GET /': 'page',
  'GET /incidents/:id': 'page',
  'GET /style.css': 'public',
  'GET /health/live': 'public',
  'GET /health/ready': 'public',
  'GET /metrics': 'metrics',
  'GET /metrics/slo': 'metrics',
  'GET /api/v1/openapi.json': 'public',
  'GET /api/v1/incidents': 'viewer',
  'GET /api/v1/incidents/:id': 'viewer',
  'POST /api/v1/incidents/:id/acknowledge': 'responder',
  'POST /api/v1/incidents/:id/notes': 'responder',
  'POST /api/v1/incidents/:id/advance': 'responder',
  'POST /api/v1/incidents/:id/dismiss': 'responder',
  'GET /api/v1/episodes': 'viewer',
  'GET /api/v1/deliveries': 'viewer',
  'GET /api/v1/rules': 'viewer',
  'GET /api/v1/rules/:id/ledger': 'viewer',
  'POST /api/v1/rules/:id/confirm': 'responder',
  'GET /api/v1/inputs': 'viewer',
  'GET /api/v1/gaps': 'viewer',
  'GET /api/v1/slo': 'viewer',
}

/** The entry of a route by its pattern; HEAD is GET without a body. */
export function accessOf(method: string, url: string): Access | undefined {
  const key = `${method === 'HEAD' ? 'GET' : method} ${url}`
  return Object.hasOwn(ACCESS, key) ? ACCESS[key] : undefined
}

/** Whether one of the roles reaches the needed one. */
export function hasRole(roles: readonly Role[], needed: Role): boolean {
  return roles.some((role) => ROLES.indexOf(role) >= ROLES.indexOf(needed))
}
