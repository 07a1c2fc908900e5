import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { register } from '../../src/cli/incidents.ts'
import { harness, TOKENS, warmingStats } from '../http/http-harness.ts'
import { sampleDetail, sampleIncident } from '../http/sample-incident.ts'

let service: ReturnType<typeof harness>
let url: string

beforeEach(async () => {
  service = harness()
  const { host, port } = await service.server.start()
  url = `http://${host}:${port}`
})

afterEach(() => service.server.stop())

async function tocsin(args: readonly string[], env: Record<string, string> = {}) {
  const out: string[] = []
  const err: string[] = []
  let code = 0
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  register(program, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    isTerminal: false,
    env: { TOCSIN_URL: url, TOCSIN_TOKEN: TOKENS.responder.token, ...env },
    exit: (status) => {
      code = status
    },
  })
  await program.parseAsync(['incidents', ...args], { from: 'user' })
  return { out, err, code }
}

describe('tocsin incidents', () => {
  it('list shows open incidents, one per line', async () => {
    service.details.push(
      sampleDetail({ incident: sampleIncident({ number: 13, id: 'i13', phase: 'closed' }) }),
    )
    const { out, code } = await tocsin(['list'])
    expect(code).toBe(0)
    expect(out).toHaveLength(1)
    expect(out[0]).toMatch(/^#12 .*high.*firing.*identification.*Checkout answers.*region=eu/)
    expect((await tocsin(['list', '--all'])).out).toHaveLength(2)
    expect((await tocsin(['list', '--severity', 'low'])).out).toEqual(['no open incident'])
  })

  it('says which rules lack records, as their silence means nothing then', async () => {
    await service.server.stop()
    service = harness({ stats: () => warmingStats(Date.UTC(2026, 0, 5, 9)) })
    const { host, port } = await service.server.start()
    url = `http://${host}:${port}`
    const line =
      'rule checkout-5xx is warming: records are missing, it may be wrong until 2026-01-05T09:00:00Z'
    expect((await tocsin(['list'])).out.at(-1)).toBe(line)
    expect((await tocsin(['list', '--severity', 'low'])).out).toEqual(['no open incident', line])
    expect((await tocsin(['show', '12'])).out.at(-1)).toBe(line)
    expect((await tocsin(['list', '--json'])).out.join('')).not.toContain('warming')
  })

  it('list --json prints one object per line', async () => {
    const { out } = await tocsin(['list', '--json'])
    expect(out.map((line) => JSON.parse(line))).toMatchObject([{ number: 12, version: 3 }])
  })

  it('show tells the story', async () => {
    const { out } = await tocsin(['show', '12'])
    expect(out.join('\n')).toMatch(
      /#12 Checkout[\s\S]*timeline:[\s\S]*Opened by[\s\S]*episodes:[\s\S]*61 matches[\s\S]*deliveries:[\s\S]*soc/,
    )
  })

  it('shows texts of events as text: they cannot act on the terminal (I10)', async () => {
    const incident = sampleIncident({ title: 'a\u001b[2J\u202e\nb' })
    service.details[0] = sampleDetail({ incident })
    for (const args of [['list'], ['show', '12']]) {
      const { out } = await tocsin(args)
      expect(out.join('')).toContain('a␛[2J⟨202E⟩␊b')
    }
  })

  it.each([
    [['ack', '12'], { kind: 'acknowledge' }, 3],
    [['ack', '12', '--if-version', '2'], { kind: 'acknowledge' }, 2],
    [['note', '12', 'seen on two hosts'], { kind: 'note', text: 'seen on two hosts' }, undefined],
    [['advance', '12', 'containment'], { kind: 'advance', to: 'containment' }, 3],
    [
      ['advance', '12', 'identification', '--reason', 'it came back'],
      { kind: 'advance', to: 'identification', reason: 'it came back' },
      3,
    ],
    [
      ['dismiss', '12', '--as', 'benign', '--reason', 'a load test'],
      { kind: 'dismiss', as: 'benign', reason: 'a load test' },
      3,
    ],
  ])('%j asks the core for it', async (args, command, expectedVersion) => {
    const { out, err, code } = await tocsin(args)
    expect({ err, code }).toEqual({ err: [], code: 0 })
    expect(out).toEqual(['incident 12 is now version 4'])
    expect(service.commands).toMatchObject([{ actor: 'responder-token', command }])
    expect(service.commands[0]?.expectedVersion).toBe(expectedVersion)
  })

  it('says that it has changed meanwhile (412), with exit code 1', async () => {
    service.answerWith(({ id }) => ({
      id,
      ok: false,
      reason: 'conflict',
      message: 'Incident 12 is at version 5, not 3.',
    }))
    const { err, code } = await tocsin(['ack', '12'])
    expect(code).toBe(1)
    expect(err).toEqual([
      'It has changed since you looked: Incident 12 is at version 5, not 3. Look again first.',
    ])
  })

  it('says what the core refuses (409) and what is not there (404), with exit code 1', async () => {
    service.answerWith(({ id }) => ({ id, ok: false, reason: 'refused', message: 'Gate shut.' }))
    expect(await tocsin(['ack', '12'])).toMatchObject({ err: ['Gate shut.'], code: 1 })
    expect(await tocsin(['show', '99'])).toMatchObject({
      err: ['There is no incident "99".'],
      code: 1,
    })
  })

  it('says that a token is missing or not known (401), with exit code 2', async () => {
    const missing = await tocsin(['list'], { TOCSIN_TOKEN: '' })
    expect(missing.code).toBe(2)
    expect(missing.err[0]).toMatch(/asks for a token: set TOCSIN_TOKEN or --token/)
    const wrong = await tocsin(['list', '--token', 'tcs_wrong'])
    expect(wrong.code).toBe(2)
    expect(wrong.err[0]).toMatch(/does not know this token/)
    expect(wrong.err[0]).not.toContain('tcs_wrong')
  })

  it('says what the token may not do (403)', async () => {
    const { err, code } = await tocsin(['ack', '12'], { TOCSIN_TOKEN: TOKENS.viewer.token })
    expect(code).toBe(1)
    expect(err).toEqual(['The token "viewer-token" lacks the role "responder".'])
  })

  it('says that nobody listens, with exit code 2', async () => {
    await service.server.stop()
    const { err, code } = await tocsin(['list'])
    expect(code).toBe(2)
    expect(err[0]).toMatch(/cannot be reached: the connection was refused\. Is "tocsin serve"/)
  })

  it.each([['ftp://x'], ['nonsense']])('refuses the address %s', async (address) => {
    const { err, code } = await tocsin(['list', '--url', address])
    expect(code).toBe(2)
    expect(err[0]).toMatch(/expected an address such as/)
  })

  it('tells when something else answers there', async () => {
    const { err, code } = await tocsin(['list', '--url', await strangeServer()])
    expect(code).toBe(2)
    expect(err[0]).toMatch(/not JSON: is that Tocsin\?/)
  })
})

async function strangeServer(): Promise<string> {
  const { createServer } = await import('node:http')
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works</h1>')
    server.close()
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
