import { describe, expect, it } from 'vitest'
import { ACCESS, accessOf, type Access } from '../../src/http/access.ts'
import { harness, type Caller } from './http-harness.ts'

type Method = 'GET' | 'POST'

const BODIES: Readonly<Record<string, unknown>> = {
  acknowledge: {},
  notes: { text: 'seen' },
  advance: { to: 'containment' },
  dismiss: { as: 'benign', reason: 'a load test' },
}

/** What each caller may do, written out again so that the table is not tested against itself. */
const MAY: Readonly<Record<Access, readonly Caller[]>> = {
  public: ['anonymous', 'unknown', 'viewer', 'responder', 'admin'],
  page: ['viewer', 'responder', 'admin'],
  metrics: ['viewer', 'responder', 'admin'],
  viewer: ['viewer', 'responder', 'admin'],
  responder: ['responder', 'admin'],
  admin: ['admin'],
}

const matrix = Object.entries(ACCESS).flatMap(([route, access]) =>
  (['anonymous', 'unknown', 'viewer', 'responder', 'admin'] as const).map((caller) => ({
    route,
    access,
    caller,
    allowed: MAY[access].includes(caller),
  })),
)

describe('access', () => {
  it.each(matrix)('$route lets $caller in: $allowed', async ({ route, caller, allowed }) => {
    const { call, commands } = harness()
    const [method, pattern] = route.split(' ') as [Method, string]
    const body = BODIES[pattern.split('/').at(-1) ?? '']
    const response = await call(caller, method, pattern.replace(':id', '12'), {
      headers: { 'if-match': '"3"' },
      ...(body === undefined ? {} : { body }),
    })
    if (allowed) {
      expect(response.statusCode).toBe(200)
      return
    }
    const isKnown = caller !== 'anonymous' && caller !== 'unknown'
    expect(response.statusCode).toBe(isKnown ? 403 : 401)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.headers['www-authenticate'] !== undefined).toBe(!isKnown)
    expect(commands).toEqual([])
  })

  it('refuses commands to viewers and anonymous callers', () => {
    const commands = Object.entries(ACCESS).filter(([route]) => !route.startsWith('GET '))
    expect(commands.length).toBeGreaterThan(0)
    for (const [, access] of commands) expect(['responder', 'admin']).toContain(access)
  })

  it('has an entry for every route, and a route for every entry', async () => {
    const { server } = harness()
    const app = await server.build()
    const routes = new Set<string>()
    for (const route of Object.keys(ACCESS)) {
      const [method, url] = route.split(' ') as [Method, string]
      expect(app.hasRoute({ method, url }), route).toBe(true)
      routes.add(route)
    }
    const printed = app.printRoutes({ commonPrefix: false })
    const count = [...printed.matchAll(/\(([A-Z, ]+)\)/g)]
      .flatMap((match) => (match[1] ?? '').split(', '))
      .filter((method) => method !== 'HEAD').length
    expect(count).toBe(routes.size)
  })

  it('does not start with a route that has no entry', async () => {
    const { server } = harness()
    const app = await server.build()
    expect(accessOf('GET', '/api/v1/secrets')).toBeUndefined()
    expect(accessOf('GET', '__proto__')).toBeUndefined()
    expect(() => app.get('/api/v1/secrets', async () => ({}))).toThrow()
  })

  it('treats HEAD as GET', async () => {
    const { call } = harness()
    expect((await call('anonymous', 'HEAD', '/api/v1/incidents')).statusCode).toBe(401)
    expect((await call('viewer', 'HEAD', '/api/v1/incidents')).statusCode).toBe(200)
  })

  it.each([
    ['no scheme', 'tcs_x'],
    ['another scheme', 'Digest x'],
    ['an empty bearer', 'Bearer '],
    ['basic on the API', `Basic ${Buffer.from('x:y').toString('base64')}`],
  ])('refuses %s with 401', async (_, authorization) => {
    const { call } = harness()
    const headers = { authorization }
    const response = await call('anonymous', 'GET', '/api/v1/incidents', { headers })
    expect(response.statusCode).toBe(401)
  })

  it('counts refusals by reason', async () => {
    const { call, occurrences } = harness()
    await call('unknown', 'GET', '/api/v1/incidents')
    await call('viewer', 'POST', '/api/v1/incidents/12/acknowledge')
    expect(occurrences).toEqual([
      { name: 'http.denied', labels: { reason: 'unauthorized' } },
      { name: 'http.denied', labels: { reason: 'forbidden' } },
    ])
  })

  it.each(['cross-site', 'same-site'])('refuses a command from a %s page (A6)', async (site) => {
    const { call, commands } = harness()
    const response = await call('responder', 'POST', '/api/v1/incidents/12/notes', {
      headers: { 'sec-fetch-site': site },
      body: { text: 'x' },
    })
    expect(response.statusCode).toBe(403)
    expect(commands).toEqual([])
  })

  it('never answers with CORS headers (H9)', async () => {
    const { call } = harness()
    for (const method of ['OPTIONS', 'GET'] as const) {
      const response = await call('viewer', method, '/api/v1/incidents', {
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      })
      expect(
        Object.keys(response.headers).filter((name) => name.startsWith('access-control')),
      ).toEqual([])
    }
  })
})

describe('the page and the metrics on a loopback address', () => {
  const open = { page: 'public', metricsPublic: true } as const

  it.each(['/', '/incidents/12', '/metrics', '/metrics/slo'])(
    'show %s without a token',
    async (url) => {
      const { call } = harness(open)
      const headers = { host: '127.0.0.1:8080' }
      expect((await call('anonymous', 'GET', url, { headers })).statusCode).toBe(200)
    },
  )

  it.each([
    ['a name made to point here (DNS rebinding)', { host: 'evil.example:8080' }],
    ['a proxy', { host: '127.0.0.1:8080', 'x-forwarded-for': '203.0.113.9' }],
    ['a proxy of the newer kind', { host: 'localhost', forwarded: 'for=203.0.113.9' }],
  ])('ask for a token when the request came through %s', async (_, headers) => {
    const { call } = harness(open)
    for (const url of ['/', '/metrics']) {
      expect((await call('anonymous', 'GET', url, { headers })).statusCode).toBe(401)
      expect((await call('viewer', 'GET', url, { headers })).statusCode).toBe(200)
    }
  })

  it('never open the API itself', async () => {
    const { call } = harness(open)
    const headers = { host: 'localhost' }
    expect((await call('anonymous', 'GET', '/api/v1/rules', { headers })).statusCode).toBe(401)
  })

  it('take a token as the password that a browser asks for', async () => {
    const { call } = harness()
    const { TOKENS } = await import('./http-harness.ts')
    const basic = Buffer.from(`me:${TOKENS.viewer.token}`).toString('base64')
    const headers = { authorization: `Basic ${basic}` }
    expect((await call('anonymous', 'GET', '/', { headers })).statusCode).toBe(200)
    const refused = await call('anonymous', 'GET', '/')
    expect(refused.headers['www-authenticate']).toMatch(/^Basic /)
  })
})
