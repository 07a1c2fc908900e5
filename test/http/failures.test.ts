import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { decodeCursor } from '../../src/store/cursor.ts'
import { harness, TOKENS } from './http-harness.ts'

const HEADERS = {
  'content-security-policy': /default-src 'none'/,
  'x-content-type-options': /^nosniff$/,
  'referrer-policy': /^no-referrer$/,
}

describe('what cannot be answered', () => {
  it.each([
    ['GET', '/nothing', 404, 'not-found'],
    ['GET', '/api/v1/incidents/12/acknowledge', 405, 'method-not-allowed'],
    ['DELETE', '/api/v1/incidents/12', 405, 'method-not-allowed'],
    ['PUT', '/', 405, 'method-not-allowed'],
    ['POST', '/metrics', 405, 'method-not-allowed'],
    ['GET', '/api/v1/incidents/%', 400, 'bad-request'],
    ['GET', `/api/v1/incidents/${'x'.repeat(500)}`, 400, 'bad-request'],
    ['GET', '/api/v1/rules?everything=1', 400, 'bad-request'],
  ] as const)('%s %s is a problem with status %i', async (method, url, status, name) => {
    const { call } = harness()
    const response = await call('admin', method, url)
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.json()).toMatchObject({
      type: `urn:tocsin:problem:${name}`,
      title: expect.any(String),
      status,
      detail: expect.stringMatching(/./),
      instance: expect.stringMatching(/^urn:tocsin:request:id-/),
    })
    for (const [header, form] of Object.entries(HEADERS)) {
      expect(response.headers[header], header).toMatch(form)
    }
    expect(response.headers['cache-control']).toBe('no-store')
  })

  it('says which methods are allowed instead', async () => {
    const { call } = harness()
    const response = await call('admin', 'DELETE', '/api/v1/incidents/12')
    expect(response.headers['allow']).toBe('GET, HEAD')
  })

  it.each(['/api/v1/incidents', '/api/v1/incidents/12', '/', '/incidents/12'])(
    'a fault of ours on %s tells nothing outside and is reported with its cause',
    async (url) => {
      const failing = async () => {
        throw new Error('SQLITE_IOERR at /var/lib/tocsin/secret.db')
      }
      const { call, occurrences } = harness({
        readModel: {
          incidents: failing,
          incident: failing,
          episodes: failing,
          deliveries: failing,
          ledger: failing,
          gaps: failing,
          counts: failing,
        },
      })
      const response = await call('admin', 'GET', url)
      expect(response.statusCode).toBe(500)
      expect(response.body).not.toMatch(/SQLITE|secret|\/var|at /)
      expect(response.headers['content-security-policy']).toMatch(/default-src 'none'/)
      expect(occurrences).toMatchObject([
        {
          name: 'http.failed',
          detail: { error: new Error('SQLITE_IOERR at /var/lib/tocsin/secret.db') },
        },
      ])
    },
  )

  it.each(['incidents', 'episodes', 'deliveries', 'gaps'] as const)(
    'a cursor that no page of %s ended with is the fault of whoever sent it',
    async (list) => {
      const read = async ({ cursor }: { readonly cursor?: string }) => {
        if (cursor !== undefined) decodeCursor(cursor)
        return { items: [], next: null }
      }
      const { readModel } = harness()
      const { call, occurrences } = harness({ readModel: { ...readModel, [list]: read } })
      const response = await call('viewer', 'GET', `/api/v1/${list}?cursor=made-up`)
      expect(response.statusCode).toBe(400)
      expect(response.headers['content-type']).toContain('application/problem+json')
      expect(response.json()).toMatchObject({
        type: 'urn:tocsin:problem:bad-request',
        detail: 'the cursor is not one that a page ended with: leave it out to start at the newest',
        errors: [{ in: 'querystring', path: '/cursor', message: expect.stringMatching(/cursor/) }],
      })
      expect(occurrences).toEqual([])
    },
  )

  it('an answer that breaks its own promise is a fault of ours, not half an answer', async () => {
    const { call, details, occurrences } = harness()
    const broken = { ...details[0]!, incident: { ...details[0]!.incident, severity: 'worst' } }
    details[0] = broken as never
    const response = await call('admin', 'GET', '/api/v1/incidents')
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toContain('worst')
    expect(occurrences.map((each) => each.name)).toEqual(['http.failed'])
  })

  it('too many requests from one address get 429 and when to come back; probes do not', async () => {
    const { call } = harness()
    let response = await call('viewer', 'GET', '/api/v1/inputs')
    for (let i = 0; i < 600 && response.statusCode === 200; i++) {
      response = await call('viewer', 'GET', '/api/v1/inputs')
    }
    expect(response.statusCode).toBe(429)
    expect(response.json()).toMatchObject({ type: 'urn:tocsin:problem:too-many-requests' })
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0)
    expect((await call('anonymous', 'GET', '/health/live')).statusCode).toBe(200)
  })

  it('connections beyond 1,000 are refused and counted', async () => {
    const { server, occurrences } = harness()
    const app = await server.build()
    expect(app.server.maxConnections).toBe(1_000)
    app.server.emit('drop')
    expect(occurrences).toEqual([
      { name: 'http.denied', labels: { reason: 'too-many-connections' } },
    ])
  })

  it.each([
    ['an unknown token', 'unknown', '/api/v1/inputs', 401],
    ['no token', 'anonymous', '/api/v1/inputs', 401],
    ['an unknown address', 'viewer', '/api/v1/nothing', 404],
  ] as const)('requests with %s are limited too', async (_, caller, url, status) => {
    const { call } = harness()
    let response = await call(caller, 'GET', url)
    expect(response.statusCode).toBe(status)
    for (let i = 0; i < 600 && response.statusCode === status; i++) {
      response = await call(caller, 'GET', url)
    }
    expect(response.statusCode).toBe(429)
  })
})

describe('every answer', () => {
  it.each([
    ['/', 'text/html'],
    ['/incidents/12', 'text/html'],
    ['/style.css', 'text/css'],
    ['/health/live', 'application/json'],
    ['/health/ready', 'application/json'],
    ['/metrics', 'text/plain'],
    ['/metrics/slo', 'text/plain'],
    ['/api/v1/openapi.json', 'application/json'],
    ['/api/v1/incidents', 'application/json'],
    ['/api/v1/rules', 'application/json'],
  ])('of %s carries the security headers and its type', async (url, type) => {
    const { call } = harness()
    const response = await call('viewer', 'GET', url)
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toContain(type)
    for (const [header, form] of Object.entries(HEADERS)) {
      expect(response.headers[header], header).toMatch(form)
    }
    expect(response.headers['content-security-policy']).toBe(
      "default-src 'none';style-src 'self';img-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    )
    expect(response.headers['cross-origin-opener-policy']).toBe('same-origin')
    expect(response.headers['strict-transport-security']).toMatch(/max-age=31536000/)
    expect(response.headers['x-powered-by']).toBeUndefined()
    if (url !== '/style.css') expect(response.headers['cache-control']).toBe('no-store')
  })

  it('of readiness is 503 with the reasons while something is missing', async () => {
    const { call } = harness({
      ready: () => ({ ready: false, warnings: [], reasons: ['input payments is down'] }),
    })
    const response = await call('anonymous', 'GET', '/health/ready')
    expect(response.statusCode).toBe(503)
    expect(response.json()).toEqual({
      ready: false,
      reasons: ['input payments is down'],
      warnings: [],
    })
  })
})

describe('a listening server', () => {
  it('tells its port, answers over a socket and closes', async () => {
    const { server } = harness()
    const { host, port } = await server.start()
    const url = `http://${host}:${port}`
    const headers = { authorization: `Bearer ${TOKENS.viewer.token}` }
    const response = await fetch(`${url}/api/v1/inputs`, { headers })
    expect(response.status).toBe(200)
    const malformed = await fetch(`${url}/api/v1/incidents/%zz`, { headers })
    expect(malformed.status).toBe(400)
    expect(malformed.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
    await server.stop()
    await expect(fetch(url)).rejects.toThrow()
  })
})

describe('what is not HTTP', () => {
  it.each([
    ['nonsense', 'hello\r\n\r\n', 400],
    ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 431],
    [
      'two lengths (H2)',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
  ])('gets a problem and a closed connection: %s', async (_, bytes, status) => {
    const { server } = harness()
    const { host, port } = await server.start()
    const socket = connect({ host, port })
    socket.end(bytes)
    const answer = (await text(socket)).split('\r\n\r\n')
    expect(answer[0]).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer[0]).toContain('content-type: application/problem+json')
    expect(answer[0]).toContain("content-security-policy: default-src 'none'")
    expect(JSON.parse(answer[1] ?? '')).toMatchObject({ status })
    expect(answer).toHaveLength(2)
    await server.stop()
  })
})
