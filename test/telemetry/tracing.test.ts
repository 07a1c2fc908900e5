import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startTracing } from '../../src/telemetry/tracing.ts'

const cleanUps: (() => void)[] = []
afterEach(() => {
  vi.unstubAllEnvs()
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

/** A collector that keeps what is posted to it as OTLP over HTTP. */
async function collector() {
  const requests: { path: string; body: string }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const isZipped = request.headers['content-encoding'] === 'gzip'
      const body = (isZipped ? gunzipSync(bytes) : bytes).toString('utf8')
      requests.push({ path: request.url ?? '', body })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => server.close())
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('tracing', () => {
  it.each([
    ['nothing is set', {}],
    ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['it is switched off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_SDK_DISABLED: 'true' }],
    [
      'no exporter is wanted',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_TRACES_EXPORTER: 'none' },
    ],
  ])('is off when %s, and runs what it is given', async (_, env) => {
    const tracing = await startTracing(env, () => undefined)
    expect(tracing.isOn).toBe(false)
    expect(tracing.span('slice', {}, () => 7)).toBe(7)
    await expect(tracing.span('slice', {}, async () => 8)).resolves.toBe(8)
    await tracing.stop()
  })

  it('sends spans by OTLP where the standard variables say, and only traces', async () => {
    const { requests, url } = await collector()
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url)
    vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json')
    const tracing = await startTracing(process.env, () => undefined)
    expect(tracing.isOn).toBe(true)
    const answer = await tracing.span('delivery attempt', { receiver: 'soc' }, async () =>
      tracing.span('inner', { attempt: 2 }, () => 'done'),
    )
    expect(answer).toBe('done')
    expect(() =>
      tracing.span('sync failure', {}, () => {
        throw new TypeError('secret text of a user')
      }),
    ).toThrow('secret text')
    await expect(
      tracing.span('async failure', {}, async () => {
        throw new RangeError('secret text of a user')
      }),
    ).rejects.toThrow('secret text')
    await tracing.stop()

    expect(new Set(requests.map((request) => request.path))).toEqual(new Set(['/v1/traces']))
    const sent = requests.map((request) => JSON.parse(request.body) as Exported)
    const spans = sent.flatMap((each) =>
      each.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)),
    )
    const byName = new Map(spans.map((span) => [span.name, span]))
    expect([...byName.keys()].toSorted()).toEqual([
      'async failure',
      'delivery attempt',
      'inner',
      'sync failure',
    ])
    expect(byName.get('inner')?.parentSpanId).toBe(byName.get('delivery attempt')?.spanId)
    expect(byName.get('sync failure')?.status).toEqual({ code: 2, message: 'TypeError' })
    expect(byName.get('async failure')?.status).toEqual({ code: 2, message: 'RangeError' })
    const text = JSON.stringify(sent)
    expect(text).toContain('"service.name"')
    expect(text).toContain('"tocsin"')
    expect(text).not.toContain('secret text')
  })
})

interface Exported {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly status: object
      }[]
    }[]
  }[]
}
