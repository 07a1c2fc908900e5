import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { gelfHttpSource } from '../../../src/ingest/gelf/http.ts'
import type { GelfHttpOptions } from '../../../src/ingest/gelf/http.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { gelf, MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

async function open(options: Partial<GelfHttpOptions> = {}, sink = new MemorySink()) {
  const source = gelfHttpSource({ ...sink.parts, ...options })
  const { port, host } = await source.start()
  cleanUps.add('source', () => source.stop())
  const post = async (body: string | Buffer | null, headers: Record<string, string> = {}) => {
    const init = {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? Buffer.from(body) : body,
    }
    const response = await fetch(`http://${host}:${port}/gelf`, init)
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as object,
    }
  }
  return { sink, source, post, port, host }
}

/** One raw exchange over a socket of its own; resolves when the server closes. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text))
    cleanUps.add('raw socket', () => void socket.destroy())
    socket.on('data', (chunk) => (answer += chunk.toString()))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

describe('what is accepted', () => {
  const two = [gelf('one'), gelf('two\n')]

  test.each<[string, string | Buffer, Record<string, string>, number]>([
    ['one message', two[0]!, { 'content-type': 'application/json' }, 1],
    ['one message without a content type', two[0]!, {}, 1],
    [
      'one message as curl sends it',
      two[0]!,
      { 'content-type': 'application/x-www-form-urlencoded' },
      1,
    ],
    ['one message over several lines', JSON.stringify(JSON.parse(two[0]!), null, 2), {}, 1],
    ['an array', `[${two.join(', ')}]`, { 'content-type': 'application/json' }, 2],
    ['an empty array', '[]', {}, 0],
    ['lines', `${two.join('\r\n')}\n\n`, { 'content-type': 'application/x-ndjson' }, 2],
    ['lines without saying so', two.join('\n'), {}, 2],
    ['gzip', gzipSync(two.join('\n')), { 'content-encoding': 'gzip' }, 2],
    ['zlib', deflateSync(two[0]!), { 'content-encoding': 'deflate' }, 1],
    ['zlib without saying so', deflateSync(two[0]!), {}, 1],
    [
      'zlib as graypy announces it',
      deflateSync(two[0]!),
      { 'content-encoding': 'gzip,deflate' },
      1,
    ],
  ])('%s', async (_, body, headers, accepted) => {
    const { sink, post } = await open()
    const answer = await post(body, headers)
    expect([answer.status, answer.body]).toEqual([202, { accepted }])
    expect(sink.messages).toEqual(['one', 'two\n'].slice(0, accepted))
    expect([sink.count('input.accepted', 'http'), sink.count('input.rejected')]).toEqual([
      accepted,
      0,
    ])
  })

  test('5,000 messages in one request are one slab', async () => {
    const { sink, post } = await open()
    const body = Array.from({ length: 5_000 }, (_, i) => gelf(`${i}`)).join('\n')
    expect((await post(body)).body).toEqual({ accepted: 5_000 })
    expect([sink.slabs.length, sink.records]).toEqual([1, 5_000])
  })

  test('requests at the same time do not mix', async () => {
    const { sink, post } = await open()
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        post(`[${gelf(`${i}`)},${i % 3 === 0 ? '1' : gelf(`${i}+`)}]`),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(
      Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? 400 : 202)),
    )
    expect(sink.messages.length).toBe(40)
    expect(sink.messages.some((message) => Number.parseInt(String(message), 10) % 3 === 0)).toBe(
      false,
    )
  })
})

describe('the answer waits for the journal (I3)', () => {
  test('202 only when it is durable', async () => {
    const { sink, post } = await open()
    sink.outcome = 'wait'
    let status = 0
    const answer = post(gelf('one')).then((response) => (status = response.status))
    await vi.waitFor(() => expect(sink.slabs.length).toBe(1))
    expect([status, sink.count('input.accepted')]).toEqual([0, 0])
    sink.writer.settle(0, 'durable')
    await answer
    expect([status, sink.count('input.accepted')]).toEqual([202, 1])
  })

  test('503 and when to come again when it was refused', async () => {
    const { sink, post } = await open()
    sink.outcome = 'refused'
    const answer = await post(`${gelf('one')}\n${gelf('two')}`)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect([sink.count('input.accepted'), sink.count('input.rejected', 'journal')]).toEqual([0, 2])
  })

  test('503 when too much waits, and nothing of the request is kept', async () => {
    const body = `${gelf('one')}\n${gelf('two')}`
    const sink = new MemorySink({ maxUnsettledBytes: body.length - 10 })
    const { post } = await open({}, sink)
    const answer = await post(body)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect([sink.records, sink.count('input.rejected', 'overload')]).toEqual([0, 1])
  })
})

describe('what is refused keeps nothing, says why, and the next request is served', () => {
  const good = gelf('good')
  const lines = (count: number, bad: string) =>
    Array.from({ length: count }, (_, i) => (i === count - 2 ? bad : good)).join('\n')

  test.each<[string, string | Buffer | null, Record<string, string>, number, object, string]>([
    ['bad JSON', '{"a":', {}, 400, { reason: 'json' }, 'json'],
    ['an empty body', '', {}, 400, { reason: 'too_short' }, 'too_short'],
    ['no body', null, {}, 400, { reason: 'too_short' }, 'too_short'],
    [
      'one bad of 1,000 lines (H5)',
      lines(1_000, '{"host":1}'),
      {},
      400,
      { reason: 'host', line: 999 },
      'host',
    ],
    [
      'a bad element',
      `[${good},${good},[]]`,
      {},
      400,
      { reason: 'not_an_object', index: 2 },
      'not_an_object',
    ],
    [
      'an array that does not end',
      `[${good},${good}`,
      {},
      400,
      { reason: 'json', index: 1 },
      'json',
    ],
    ['no message', '{"host":"h"}', {}, 400, { reason: 'message' }, 'message'],
    [
      'bad UTF-8',
      Buffer.from('{"short_message":"\xff"}', 'latin1'),
      {},
      400,
      { reason: 'utf8' },
      'utf8',
    ],
    [
      '33 levels',
      `{"short_message":"m","a":${'['.repeat(32)}${']'.repeat(32)}}`,
      {},
      400,
      { reason: 'depth' },
      'depth',
    ],
    ['two values on a line', `${good}${good}`, {}, 400, { reason: 'json' }, 'json'],
    ['a body over 1 MiB', gelf('x'.repeat(1_048_577)), {}, 413, { reason: 'too_long' }, 'too_long'],
    [
      '5,001 messages',
      Array.from({ length: 5_001 }, () => '{"message":"m"}').join('\n'),
      {},
      413,
      { reason: 'too_long' },
      'too_long',
    ],
    [
      'a gzip bomb',
      gzipSync(Buffer.alloc(50 * 1_048_576)),
      { 'content-encoding': 'gzip' },
      413,
      { reason: 'bomb' },
      'bomb',
    ],
    ['brotli', 'x', { 'content-encoding': 'br' }, 415, { reason: 'encoding' }, 'encoding'],
    ['zstd', 'x', { 'content-encoding': 'zstd' }, 415, { reason: 'encoding' }, 'encoding'],
    [
      'gzip within gzip',
      gzipSync(gzipSync(good)),
      { 'content-encoding': 'gzip, gzip' },
      415,
      { reason: 'encoding' },
      'encoding',
    ],
    [
      'gzip that is none',
      good,
      { 'content-encoding': 'gzip' },
      400,
      { reason: 'encoding' },
      'encoding',
    ],
    [
      'gzip cut off',
      gzipSync(good).subarray(0, -2),
      { 'content-encoding': 'gzip' },
      400,
      { reason: 'encoding' },
      'encoding',
    ],
  ])('%s', async (_, body, headers, status, problem, reason) => {
    const { sink, post } = await open()
    const answer = await post(body, headers)
    expect([answer.status, answer.body]).toEqual([
      status,
      expect.objectContaining({ status, ...problem }),
    ])
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect([
      sink.records,
      sink.count('input.rejected', reason),
      sink.count('input.rejected'),
    ]).toEqual([0, 1, 1])
    expect((await post(good)).body).toEqual({ accepted: 1 })
    expect(sink.messages).toEqual(['good'])
  })

  test('another address is not found', async () => {
    const { port } = await open()
    const get = await fetch(`http://127.0.0.1:${port}/gelf`)
    const other = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' })
    expect([get.status, other.status]).toEqual([404, 404])
  })
})

describe('with a token (H1)', () => {
  const token = 's3cret-s3cret'

  test.each<[string, Record<string, string>]>([
    ['none', {}],
    ['an empty one', { authorization: '' }],
    ['a bare scheme', { authorization: 'Bearer' }],
    ['a wrong one', { authorization: 'Bearer s3cret-s3creT' }],
    ['one that is longer', { authorization: `Bearer ${token}x` }],
    ['another scheme', { authorization: `Basic ${token}` }],
    ['two in one', { authorization: `Bearer ${token}, Bearer ${token}` }],
  ])('%s is 401 and nothing is taken', async (_, headers) => {
    const { sink, post } = await open({ token })
    const answer = await post(gelf('one'), headers)
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    expect([sink.records, sink.count('input.rejected', 'unauthorized')]).toEqual([0, 1])
  })

  test('two headers are 401, even when one is right', async () => {
    const { sink, port } = await open({ token })
    const status = await new Promise<number | undefined>((resolve) => {
      const request = httpRequest(
        { port, host: '127.0.0.1', path: '/gelf', method: 'POST' },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      request.setHeader('authorization', [`Bearer ${token}`, 'Bearer wrong'])
      request.end(gelf('one'))
    })
    expect([status, sink.records]).toEqual([401, 0])
  })

  test('the right one is taken, and its scheme in any case', async () => {
    const { sink, post } = await open({ token })
    expect((await post(gelf('one'), { authorization: `Bearer ${token}` })).status).toBe(202)
    expect((await post(gelf('two'), { authorization: `bearer ${token}` })).status).toBe(202)
    expect(sink.messages).toEqual(['one', 'two'])
  })
})

describe('on the wire', () => {
  test('a request that is not HTTP is answered 400 and counted', async () => {
    const { sink, port } = await open()
    expect(await raw(port, 'GELF me\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    expect(sink.count('input.rejected', 'incomplete')).toBe(1)
  })

  test('a length and chunks at once are 400, and nothing behind them is read (H2)', async () => {
    const { sink, port } = await open()
    const text = gelf('smuggled')
    const answer = await raw(
      port,
      `POST /gelf HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /gelf HTTP/1.1\r\nHost: x\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1)
    expect(sink.records).toBe(0)
  })

  test('headers or a body that do not come are 408 (H4)', async () => {
    const { sink, port } = await open({ headersTimeoutMs: 100, requestTimeoutMs: 300 })
    const slowHeaders = await raw(port, 'POST /gelf HTTP/1.1\r\nHost: x\r\n')
    const slowBody = await raw(
      port,
      'POST /gelf HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
    )
    expect([slowHeaders, slowBody]).toEqual([
      expect.stringMatching(/^HTTP\/1.1 408 /),
      expect.stringMatching(/^HTTP\/1.1 408 /),
    ])
    expect(sink.records).toBe(0)
  })

  test('a stop answers what was accepted and then takes no more', async () => {
    const { sink, source, post, port } = await open()
    sink.outcome = 'wait'
    const answer = post(gelf('one'))
    await vi.waitFor(() => expect(sink.slabs.length).toBe(1))
    const stopped = source.stop()
    sink.writer.settle(0, 'durable')
    expect((await answer).status).toBe(202)
    await stopped
    await expect(
      fetch(`http://127.0.0.1:${port}/gelf`, { method: 'POST', body: '{}' }),
    ).rejects.toThrow('fetch failed')
  })

  test('a port that is taken is an error at the start', async () => {
    const { port } = await open()
    const source = gelfHttpSource({
      ...new MemorySink().parts,
      listen: { host: '127.0.0.1', port },
    })
    await expect(source.start()).rejects.toThrow('EADDRINUSE')
    await source.stop()
  })
})
