import { describe, expect, it } from 'vitest'
import { harness } from './http-harness.ts'
import { sampleDetail, sampleIncident } from './sample-incident.ts'

describe('looking at incidents', () => {
  it('lists them without what is internal', async () => {
    const { call } = harness()
    const response = await call('viewer', 'GET', '/api/v1/incidents')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toMatchObject({ items: [{ number: 12, version: 3 }], next: null })
    expect(response.body).not.toContain('must-not-leave')
  })

  it('pages with the cursor of the answer before', async () => {
    const { call, details } = harness()
    for (let number = 1; number <= 5; number++) {
      details.push(sampleDetail({ incident: sampleIncident({ number, id: `i${number}` }) }))
    }
    const seen: number[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${cursor}`
      const response = await call('viewer', 'GET', `/api/v1/incidents?limit=2${from}`)
      const page: { items: { number: number }[]; next: string | null } = response.json()
      seen.push(...page.items.map((item) => item.number))
      cursor = page.next
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 12])
  })

  it.each([
    ['open=false', 0],
    ['open=true', 1],
    ['severity=high', 1],
    ['severity=low', 0],
    ['phase=identification', 1],
    ['phase=recovery', 0],
  ])('filters by %s', async (query, expected) => {
    const { call } = harness()
    const response = await call('viewer', 'GET', `/api/v1/incidents?${query}`)
    expect(response.json<{ items: unknown[] }>().items).toHaveLength(expected)
  })

  it.each([
    ['limit=1000000000', 'limit'],
    ['limit=0', 'limit'],
    ['limit=x', 'limit'],
    ['severity=worst', 'severity'],
    ['sort=secret', 'sort'],
    ['cursor=%27%20OR%201%3D1', 'cursor'],
    ['open=maybe', 'open'],
  ])('refuses %s by name', async (query, field) => {
    const { call } = harness()
    const response = await call('viewer', 'GET', `/api/v1/incidents?${query}`)
    expect(response.statusCode).toBe(400)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.json()).toMatchObject({
      type: 'urn:tocsin:problem:bad-request',
      errors: [{ in: 'querystring' }],
    })
    expect(response.body).toContain(field)
  })

  it.each(['12', 'kq3mzx7w2b5n4c6d8f9g2h3j4k'])('shows one by %s with its ETag', async (id) => {
    const { call } = harness()
    const response = await call('viewer', 'GET', `/api/v1/incidents/${id}`)
    expect(response.headers['etag']).toBe('"3"')
    expect(response.json()).toMatchObject({
      incident: { number: 12 },
      timeline: [{ kind: 'opened' }],
      episodes: [{ firings: 42 }],
      deliveries: [{ receiver: 'soc' }],
      report: { value: 20 },
    })
    expect(response.body).not.toContain('must-not-leave')
  })

  it.each(['13', 'nothing', "1'%20OR%20'1", '..%2f..%2fetc', 'a%00b', '%e0%a4%a'])(
    'answers 404 or 400 for %s and asks the store for nothing odd',
    async (id) => {
      const { call } = harness()
      const response = await call('viewer', 'GET', `/api/v1/incidents/${id}`)
      expect([400, 404]).toContain(response.statusCode)
      expect(response.headers['content-type']).toContain('application/problem+json')
    },
  )
})

describe('working on an incident', () => {
  const version = { 'if-match': '"3"' }

  it.each([
    ['acknowledge', undefined, { kind: 'acknowledge' }],
    ['acknowledge', {}, { kind: 'acknowledge' }],
    [
      'advance',
      { to: 'containment', reason: 'isolated' },
      { kind: 'advance', to: 'containment', reason: 'isolated' },
    ],
    ['advance', { to: 'containment' }, { kind: 'advance', to: 'containment' }],
    [
      'dismiss',
      { as: 'benign', reason: 'a load test' },
      { kind: 'dismiss', as: 'benign', reason: 'a load test' },
    ],
  ])('passes %s %j on with actor and version', async (action, body, command) => {
    const { call, commands, details } = harness()
    const response = await call('responder', 'POST', `/api/v1/incidents/12/${action}`, {
      headers: version,
      body,
    })
    expect(response.statusCode).toBe(200)
    expect(response.headers['etag']).toBe('"4"')
    const incidentId = details[0]?.incident.id
    expect(response.json()).toEqual({ id: commands[0]?.id, incidentId, version: 4 })
    expect(commands).toEqual([
      {
        id: expect.stringMatching(/^id-/),
        actor: 'responder-token',
        command: { ...command, incidentId },
        expectedVersion: 3,
      },
    ])
  })

  it('takes a note without a version, since notes never conflict', async () => {
    const { call, commands } = harness()
    const body = { text: '  seen on two hosts ' }
    const response = await call('responder', 'POST', '/api/v1/incidents/12/notes', { body })
    expect(response.statusCode).toBe(200)
    expect(commands[0]).not.toHaveProperty('expectedVersion')
    expect(commands[0]?.command).toMatchObject({ kind: 'note', text: 'seen on two hosts' })
  })

  it('takes If-Match: * as any version', async () => {
    const { call, commands } = harness()
    const headers = { 'if-match': '*' }
    await call('responder', 'POST', '/api/v1/incidents/12/acknowledge', { headers })
    expect(commands).toHaveLength(1)
    expect(commands[0]).not.toHaveProperty('expectedVersion')
  })

  it.each([
    ['without If-Match', {}, 428, 'precondition-required'],
    ['with an empty one', { 'if-match': '' }, 428, 'precondition-required'],
    ['with a weak tag', { 'if-match': 'W/"3"' }, 412, 'precondition-failed'],
    ['with a bare number', { 'if-match': '3' }, 412, 'precondition-failed'],
    ['with a list', { 'if-match': '"3", "4"' }, 412, 'precondition-failed'],
  ])('refuses a command %s', async (_, headers, status, problem) => {
    const { call, commands } = harness()
    const response = await call('responder', 'POST', '/api/v1/incidents/12/acknowledge', {
      headers,
    })
    expect(response.statusCode).toBe(status)
    expect(response.json()).toMatchObject({ type: `urn:tocsin:problem:${problem}`, status })
    expect(commands).toEqual([])
  })

  it.each([
    ['conflict', 412, 'precondition-failed'],
    ['refused', 409, 'conflict'],
    ['not_found', 404, 'not-found'],
    ['unavailable', 503, 'unavailable'],
  ] as const)('answers %s of the core with %i', async (reason, status, problem) => {
    const { call, answerWith } = harness()
    answerWith(({ id }) => ({ id, ok: false, reason, message: 'The gate is shut.' }))
    const response = await call('responder', 'POST', '/api/v1/incidents/12/acknowledge', {
      headers: version,
    })
    expect(response.statusCode).toBe(status)
    expect(response.json()).toMatchObject({
      type: `urn:tocsin:problem:${problem}`,
      detail: 'The gate is shut.',
    })
  })

  it.each([
    ['advance', { to: 'containment', role: 'admin' }],
    ['advance', { to: 'containment', id: 'x' }],
    ['advance', { to: 'nirvana' }],
    ['advance', {}],
    ['acknowledge', { actor: 'somebody' }],
    ['dismiss', { as: 'benign' }],
    ['dismiss', { as: 'boring', reason: 'x' }],
    ['notes', { text: '   ' }],
    ['notes', { text: 'x'.repeat(10_001) }],
    ['notes', { text: 7 }],
    ['notes', []],
  ])('refuses %s with %j: bodies are closed', async (action, body) => {
    const { call, commands } = harness()
    const response = await call('responder', 'POST', `/api/v1/incidents/12/${action}`, {
      headers: version,
      body,
    })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ errors: [{ in: 'body' }] })
    expect(commands).toEqual([])
  })

  it('refuses a body that would change a prototype', async () => {
    const { call, commands } = harness()
    const headers = { 'content-type': 'application/json' }
    for (const key of ['__proto__', 'constructor']) {
      const body = `{"text":"x","${key}":{"prototype":{"admin":true}}}`
      const response = await call('responder', 'POST', '/api/v1/incidents/12/notes', {
        headers,
        body,
      })
      expect(response.statusCode).toBe(400)
    }
    expect(commands).toEqual([])
  })

  it.each([
    ['another content type', { 'content-type': 'text/plain' }, 'hello', 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'text=x', 415],
    ['broken JSON', { 'content-type': 'application/json' }, '{"text":', 400],
    ['too much', { 'content-type': 'application/json' }, `{"text":"${'x'.repeat(70_000)}"}`, 413],
  ])('refuses %s', async (_, headers, body, status) => {
    const { call, commands } = harness()
    const response = await call('responder', 'POST', '/api/v1/incidents/12/notes', {
      headers,
      body,
    })
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(commands).toEqual([])
  })
})
