import { gzipSync } from 'node:zlib'

import { buildConnector } from 'undici'
import { afterEach, describe, expect, it, vi } from 'vitest'

import {
  createEgress,
  type EgressOptions,
  type EgressRequest,
  type EgressResult,
} from '../../src/alerting/egress.ts'
import { systemTimers } from '../../src/system-clock.ts'
import { certificateFor } from './certificate.ts'
import { LocalReceivers } from './local-receivers.ts'

const receivers = new LocalReceivers()
const HOUR_MS = 3_600_000
const BODY = '{"n":"ü"}'

afterEach(() => receivers.close())

function send(
  url: string,
  changes: Partial<EgressRequest> = {},
  options: Partial<EgressOptions> = {},
): Promise<EgressResult> {
  const port = Number(URL.parse(url)?.port)
  return createEgress({ timers: systemTimers, ...options }).sendSigned({
    url,
    headers: { 'content-type': 'application/json', 'webhook-id': 'abc' },
    body: BODY,
    timeoutMs: 5_000,
    allow: { http: true, addresses: ['127.0.0.1'], ports: [port] },
    ...changes,
  })
}

/** Short enough for a test, long enough for a busy machine to answer what should be answered. */
const SHORT = { timeoutMs: 300 }

describe('a request to a receiver', () => {
  it('carries the exact body and headers, and brings status and start of the answer', async () => {
    const seen: unknown[] = []
    const { port } = await receivers.http((request, response) => {
      request.setEncoding('utf8').on('data', (body) => {
        seen.push(request.method, request.url, request.headers['webhook-id'], body)
        response.writeHead(202, { 'retry-after': '7' }).end('<b>taken</b>\r\nforged line\u001b[0m')
      })
    })
    expect(await send(`http://127.0.0.1:${port}/a%20b?c=d`)).toEqual({
      kind: 'answer',
      status: 202,
      retryAfter: '7',
      bodyStart: '<b>taken</b> forged line [0m',
    })
    expect(seen).toEqual(['POST', '/a%20b?c=d', 'abc', BODY])
  })

  it.each([204, 301, 302, 307, 308, 400, 410, 429, 500, 503])(
    'brings status %i as an answer and follows nothing',
    async (status) => {
      const inner = await receivers.http((_request, response) => void response.end('secret'))
      const { port } = await receivers.http((_request, response) => {
        response.writeHead(status, { location: `http://127.0.0.1:${inner.port}/` }).end()
      })
      expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'answer', status })
      expect(inner.connections()).toBe(0)
    },
  )

  it('is refused by a closed port and says so', async () => {
    const port = await receivers.closedPort()
    expect(await send(`http://127.0.0.1:${port}/`)).toEqual({
      kind: 'failure',
      reason: 'network',
      detail: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  it('fails when the name has no address', async () => {
    const resolve = (): Promise<never> =>
      Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
    expect(await send('https://nowhere.example/', {}, { resolve })).toEqual({
      kind: 'failure',
      reason: 'network',
      detail: 'getaddrinfo ENOTFOUND',
    })
    const none = { resolve: () => Promise.resolve([]) }
    expect(await send('https://nowhere.example/', {}, none)).toMatchObject({ reason: 'network' })
  })

  it('times out while the name is looked up, as for everything else', async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined)
    expect(await send('https://slow.example/', SHORT, { resolve })).toMatchObject({
      kind: 'failure',
      reason: 'timeout',
      detail: 'no complete answer within 300 ms',
    })
  })

  it.each([
    ['accepts and never answers', () => undefined],
    [
      'answers 200 with one byte of its body at a time',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
        const timer = setInterval(() => socket.write('x'), 20)
        socket.on('close', () => clearInterval(timer))
      },
    ],
    [
      'answers one byte of its head at a time',
      (socket) => {
        const head = `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(4_000)}\r\n\r\n`
        let at = 0
        const timer = setInterval(() => socket.write(head[at++]!), 20)
        socket.on('close', () => clearInterval(timer))
      },
    ],
  ] satisfies [string, Parameters<LocalReceivers['raw']>[0]][])(
    'times out and cuts the connection when the receiver %s',
    async (_what, behave) => {
      const receiver = await receivers.raw(behave)
      expect(await send(`http://127.0.0.1:${receiver.port}/`, SHORT)).toMatchObject({
        kind: 'failure',
        reason: 'timeout',
      })
      await vi.waitFor(() => expect(receiver.open()).toBe(0))
    },
  )

  it.each([
    [
      'resets in the middle of its answer',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () =>
          socket.resetAndDestroy(),
        )
      },
    ],
    ['resets at once', (socket) => socket.resetAndDestroy()],
    ['hangs up', (socket) => socket.end()],
    ['speaks no HTTP', (socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')],
    [
      'sends a head of a mebibyte',
      (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1 << 20)}\r\n\r\n`),
    ],
    [
      'sends hundreds of interim answers',
      (socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(300)),
    ],
  ] satisfies [string, Parameters<LocalReceivers['raw']>[0]][])(
    'is a network failure when the receiver %s',
    async (_what, behave) => {
      const receiver = await receivers.raw(behave)
      expect(await send(`http://127.0.0.1:${receiver.port}/`)).toMatchObject({
        kind: 'failure',
        reason: 'network',
      })
      await vi.waitFor(() => expect(receiver.open()).toBe(0))
    },
  )

  it('takes an answer after a few interim ones', async () => {
    const { port } = await receivers.raw((socket) =>
      socket.end(
        `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(3)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
      ),
    )
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, bodyStart: 'ok' })
  })

  it('takes a slow answer that comes in time', async () => {
    const { port } = await receivers.http((_request, response) => {
      setTimeout(() => response.end('late but there'), 200)
    })
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200 })
  })

  it('reads 64 KiB of an endless answer, keeps 1 KiB and hangs up', async () => {
    let written = 0
    const receiver = await receivers.http((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('y'.repeat(16_384))) written += 16_384
      }
      response.on('drain', more)
      more()
    })
    const result = await send(`http://127.0.0.1:${receiver.port}/`)
    expect(result).toEqual({
      kind: 'answer',
      status: 200,
      retryAfter: null,
      bodyStart: 'y'.repeat(1024),
    })
    await vi.waitFor(() => expect(receiver.open()).toBe(0))
    // What the kernel's buffers of both sides hold, not the 10 GiB it would have sent.
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })

  it('never unpacks a compressed answer', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const { port } = await receivers.http((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
    })
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({
      status: 200,
      bodyStart: `(${bomb.length} bytes, compressed)`,
    })
  })

  it('ends when the sender stops', async () => {
    const stop = new AbortController()
    const { port } = await receivers.raw(() => stop.abort())
    expect(await send(`http://127.0.0.1:${port}/`, { signal: stop.signal })).toMatchObject({
      kind: 'failure',
      detail: 'the sender is stopping',
    })
    expect(await send(`http://127.0.0.1:${port}/`, { signal: stop.signal })).toMatchObject({
      kind: 'failure',
      detail: 'the sender is stopping',
    })
  })

  it('ignores the proxies of the environment', async () => {
    const proxy = await receivers.http((_request, response) => void response.end())
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) {
      vi.stubEnv(name, `http://127.0.0.1:${proxy.port}`)
    }
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    try {
      const { port } = await receivers.http((_request, response) => void response.end('direct'))
      expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ bodyStart: 'direct' })
      expect(proxy.connections()).toBe(0)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('the guard before a request', () => {
  const CLOSED = { http: true, addresses: [], ports: [] }

  it('opens no connection to an address that is written out and not allowed', async () => {
    const receiver = await receivers.http((_request, response) => void response.end())
    const allow = { ...CLOSED, ports: [receiver.port] }
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]', '0x7f.1']) {
      expect(await send(`http://${host}:${receiver.port}/`, { allow })).toMatchObject({
        kind: 'failure',
        reason: 'egressRefused',
      })
    }
    expect(receiver.connections()).toBe(0)
  })

  it.each([
    ['private', ['10.0.0.1']],
    ['public and private', ['93.184.215.14', '127.0.0.1']],
    ['public IPv4 and private IPv6', ['93.184.215.14', 'fd00::1']],
    ['IPv4-mapped', ['::ffff:169.254.169.254']],
    ['scoped', ['fe80::1%eth0']],
  ])('refuses a name whose addresses are %s', async (_what, addresses) => {
    const resolve = vi.fn(() =>
      Promise.resolve(
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      ),
    )
    const connector = vi.fn(buildConnector)
    const options = { resolve, connector }
    expect(await send('https://rebind.example/', { allow: CLOSED }, options)).toMatchObject({
      kind: 'failure',
      reason: 'egressRefused',
      detail: expect.stringContaining('rebind.example') as string,
    })
    expect(connector).not.toHaveBeenCalled()
  })

  it('looks a name up once and goes to the address it checked, whatever it would be next', async () => {
    const receiver = await receivers.http((request, response) => {
      response.end(request.headers.host)
    })
    const answers = ['127.0.0.1', '10.0.0.1']
    const resolve = vi.fn(() => Promise.resolve([{ address: answers.shift()!, family: 4 }]))
    expect(await send(`http://rebind.example:${receiver.port}/`, {}, { resolve })).toMatchObject({
      status: 200,
      bodyStart: `rebind.example:${receiver.port}`,
    })
    expect(resolve).toHaveBeenCalledTimes(1)
  })

  it('goes to another checked address when the first does not answer', async () => {
    const receiver = await receivers.http((_request, response) => void response.end('second'))
    const resolve = () =>
      Promise.resolve([
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ])
    const allow = { http: true, addresses: ['127.0.0.1', '::1'], ports: [receiver.port] }
    const url = `http://two.example:${receiver.port}/`
    expect(await send(url, { allow }, { resolve })).toMatchObject({ bodyStart: 'second' })
  })

  it('writes nothing to a peer that is not the one it checked', async () => {
    let received = 0
    const receiver = await receivers.raw((socket) => {
      received += 1
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
    const resolve = () => Promise.resolve([{ address: '93.184.215.14', family: 4 }])
    const astray: EgressOptions['connector'] = (options) => {
      const connect = buildConnector({
        ...options,
        lookup: (_name, lookupOptions, callback) => {
          if (lookupOptions.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
          else callback(null, '127.0.0.1', 4)
        },
      })
      return connect
    }
    const url = `http://astray.example:${receiver.port}/`
    const allow = { ...CLOSED, ports: [receiver.port] }
    expect(await send(url, { allow }, { resolve, connector: astray })).toMatchObject({
      reason: 'egressRefused',
      detail: expect.stringContaining('led to another peer: 127.0.0.1') as string,
    })
    expect(received).toBe(0)
  })
})

describe('TLS to a receiver', () => {
  const now = Date.now()
  const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
  const valid = { fromMs: now - HOUR_MS, toMs: now + HOUR_MS }

  async function overTls(
    certificate: { readonly cert: string; readonly key: string },
    options: Partial<EgressOptions>,
  ): Promise<EgressResult> {
    const { port } = await receivers.https(certificate, (_request, response) => {
      response.end('over TLS')
    })
    return send(`https://hooks.example:${port}/`, {}, { resolve, ...options })
  }

  it('works with a certificate that is trusted, valid and for this name', async () => {
    const certificate = certificateFor('hooks.example', valid)
    expect(await overTls(certificate, { ca: certificate.cert })).toMatchObject({
      status: 200,
      bodyStart: 'over TLS',
    })
  })

  it('fails for another name, an expired or an unknown certificate, also if the environment says not to look', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    try {
      const other = certificateFor('other.example', valid)
      expect(await overTls(other, { ca: other.cert })).toMatchObject({
        reason: 'network',
        detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string,
      })
      const expired = certificateFor('hooks.example', {
        fromMs: now - 2 * HOUR_MS,
        toMs: now - HOUR_MS,
      })
      expect(await overTls(expired, { ca: expired.cert })).toMatchObject({
        reason: 'network',
        detail: expect.stringContaining('CERT_HAS_EXPIRED') as string,
      })
      expect(await overTls(certificateFor('hooks.example', valid), {})).toMatchObject({
        reason: 'network',
        detail: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as string,
      })
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
