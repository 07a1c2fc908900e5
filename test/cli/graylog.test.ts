import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { Command } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'

import { register } from '../../src/cli/graylog.ts'
import { contentPack } from '../../src/cli/graylog/content-pack.ts'
import { CleanUps } from '../../src/lib/clean-ups.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

/** As much of Graylog's API as the set-up touches, with the answers that real servers gave. */
async function graylog(version: string) {
  const calls: [call: string, body: unknown][] = []
  let isUploaded = false
  let isInstalled = false
  let isPaused = true
  const answer = (call: string, body: unknown): [number, unknown] => {
    calls.push([call, body])
    const isWrapped = typeof body === 'object' && body !== null && 'entity' in body
    if (call === 'GET /api/system') return [200, { version }]
    if (call === 'POST /api/system/content_packs') {
      if (isUploaded)
        return [400, { message: 'Content pack ... with this revision already found!' }]
      isUploaded = true
      return [201, {}]
    }
    if (call.endsWith('/installations') && call.startsWith('GET')) {
      return [200, { installations: isInstalled ? [{}] : [] }]
    }
    if (call.endsWith('/1/installations')) {
      if (isWrapped !== !version.startsWith('3')) return [400, { message: 'entity cannot be null' }]
      isInstalled = true
      return [200, {}]
    }
    if (call === 'GET /api/streams') {
      return [200, { streams: [{ id: 's1', title: 'Tocsin', disabled: isPaused }] }]
    }
    if (call === 'POST /api/streams/s1/resume') {
      isPaused = false
      return [204, undefined]
    }
    return [404, { message: 'HTTP 404 Not Found' }]
  }
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const isRight = request.headers.authorization === `Basic ${btoa('admin:right')}`
      const hasHeader = request.headers['x-requested-by'] !== undefined
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      const [status, value] = !isRight
        ? [401, undefined]
        : hasHeader
          ? answer(`${request.method} ${request.url}`, body)
          : [400, { message: 'CSRF protection header is missing.' }]
      response.statusCode = status
      response.end(value === undefined ? undefined : JSON.stringify(value))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.add('graylog', () => new Promise((resolve) => server.close(() => resolve())))
  return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function setup(url: string, more: readonly string[] = [], password: string | null = 'right') {
  const out: string[] = []
  const err: string[] = []
  let code = 0
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => err.push(text) })
  register(program, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    isTerminal: false,
    env: password === null ? {} : { GRAYLOG_PASSWORD: password },
    exit: (status) => (code = status),
  })
  for (const command of program.commands) command.commands[0]!.copyInheritedSettings(program)
  const args = [
    '--graylog',
    url,
    '--host',
    'tocsin',
    '--notify',
    'http://tocsin:12213/graylog?key=k',
  ]
  await program.parseAsync(['graylog', 'setup', ...args, '--transport', 'tcp', ...more], {
    from: 'user',
  })
  return { out, err, code }
}

describe('tocsin graylog setup', () => {
  it.each(['3.3.11+9335407', '7.0.1'])(
    'installs the pack in Graylog %s and starts the stream',
    async (version) => {
      const { calls, url } = await graylog(version)
      const { out, err, code } = await setup(url, ['--tcp-port', '13201'])
      expect([err, code]).toEqual([[], 0])
      expect(out).toEqual([
        `Graylog ${version} answers.`,
        'Uploaded the content pack.',
        'Installed the content pack: a stream, its outputs, and a notification.',
        'Started the stream "Tocsin".',
      ])
      const installation = calls.find(([call]) => call.endsWith('/1/installations'))![1]
      const { parameters } = (
        version === '7.0.1' ? (installation as { entity: unknown }).entity : installation
      ) as { parameters: unknown }
      expect(parameters).toEqual({
        HOST: { '@type': 'string', '@value': 'tocsin' },
        TCP_PORT: { '@type': 'integer', '@value': 13_201 },
        UDP_PORT: { '@type': 'integer', '@value': 12_212 },
        URL: { '@type': 'string', '@value': 'http://tocsin:12213/graylog?key=k' },
      })
    },
  )

  it('changes nothing when it is run again', async () => {
    const { calls, url } = await graylog('7.0.1')
    await setup(url)
    calls.length = 0
    const { out, code } = await setup(url)
    expect(code).toBe(0)
    expect(out.at(-1)).toBe('The stream "Tocsin" runs.')
    expect(calls.filter(([call]) => call.startsWith('POST')).map(([call]) => call)).toEqual([
      'POST /api/system/content_packs',
    ])
  })

  it.each<[string, () => Promise<{ err: string[]; code: number }>, string, number]>([
    [
      'a wrong password',
      async () => setup((await graylog('7.0.1')).url, [], 'wrong'),
      'does not know this user',
      2,
    ],
    ['no password', async () => setup('http://x', [], null), 'GRAYLOG_PASSWORD is not set', 2],
    ['an old Graylog', async () => setup((await graylog('2.5.2')).url), 'is too old', 1],
    ['nobody there', async () => setup('http://127.0.0.1:1'), 'cannot be reached', 2],
    ['no address', async () => setup('graylog'), 'expected an address such as', 2],
  ])('says what is wrong: %s', async (_what, run, sentence, exit) => {
    const { err, code } = await run()
    expect(err.join('\n')).toContain(sentence)
    expect(code).toBe(exit)
  })

  it.each([
    ['--transport', 'carrier'],
    ['--tcp-port', '0'],
  ])('refuses %s %s', async (...more) => {
    await expect(setup('http://127.0.0.1:1', more)).rejects.toThrow()
  })
})

describe('the content packs in deploy/graylog', () => {
  it.each([
    ['tcp', '3.3'],
    ['tcp', '7'],
    ['udp', '3.3'],
    ['udp', '7'],
  ] as const)('%s for Graylog %s is what the command uploads', (transport, form) => {
    const file = new URL(
      `../../deploy/graylog/tocsin-${transport}-graylog-${form}.json`,
      import.meta.url,
    )
    const pack = contentPack(form, transport, 'http://127.0.0.1:12213/graylog')
    expect(readFileSync(file, 'utf8')).toBe(`${JSON.stringify(pack, null, 2)}\n`)
  })
})
