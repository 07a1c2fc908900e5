/**
 * SIGTERM under load ends within its deadline and loses nothing: what a sender had put on the
 * wire before, and every 202, is evaluated exactly once after the next start (I3, I4).
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createConnection } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { gelf, postGelf } from '../support/gelf-send.ts'
import { journalled } from '../support/journalled.ts'
import { everyEventRules, HTTP_CONFIG, incidents, sloEvents } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: tcp, type: gelf-tcp, listen: "127.0.0.1:0" }
  - { name: web, type: gelf-http, listen: "127.0.0.1:0" }
receivers:
  - name: hangs
    webhook: { url: "http://127.0.0.1:\${RECEIVER_PORT}/", secret: "${SECRET}" }
    allow: { http: true, addresses: [127.0.0.0/8], ports: ["\${RECEIVER_PORT}"] }
${HTTP_CONFIG}
`
const RULES = everyEventRules('tcp', 'web')
const CONNECTIONS = 3
const REQUESTS = 3
const BATCH = 25

let folder: string
let service: RunningService | undefined
/** Takes every webhook and never answers: its attempts must not hold up the end. */
const silent = createServer(() => undefined)

beforeEach(async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': RULES })
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
})
afterEach(async () => {
  await service?.stop('SIGKILL')
  silent.closeAllConnections()
  silent.close()
  rmSync(folder, { recursive: true, force: true })
})

it('SIGTERM under TCP and HTTP load ends well, and everything sent is evaluated once', async () => {
  const running = await start()
  /** On the wire (TCP) or answered 202 (HTTP) before the signal; later ones may be there too. */
  const sent = new Set<string>()
  const load = new Load(running, sent)
  await waitFor('load of every sender', () => {
    const senders = new Set([...sent].map((ref) => ref.split(':')[0]))
    return sent.size > 2_000 && senders.size === CONNECTIONS + REQUESTS ? true : undefined
  })

  load.isEnding = true
  const code = await running.stop('SIGTERM')
  expect({ code, errors: running.errors() }).toEqual({ code: 0, errors: '' })
  expect(running.log.at(-1)).toMatchObject({ occurrence: 'service.stopped' })
  await load.ended

  const again = await start()
  const refs = journalled<{ _ref: string }>(folder).map(({ _ref }) => _ref)
  const kept = new Set(refs)
  expect(kept.size).toBe(refs.length)
  expect([...sent].filter((ref) => !kept.has(ref))).toEqual([])
  await waitFor('everything to be evaluated', async () =>
    (await sloEvents(again.url, 'all')) >= refs.length ? true : undefined,
  )
  expect(await sloEvents(again.url, 'all')).toBe(refs.length)
  expect(await incidents(again.url)).toHaveLength(CONNECTIONS + REQUESTS)
  expect(again.log).toContainEqual(
    expect.objectContaining({ occurrence: 'core.replayed', differences: 0 }),
  )
  expect(await again.stop()).toBe(0)
})

it('SIGINT ends a quiet service at once, also with connections that stay open', async () => {
  const running = await start()
  const idle = createConnection(running.ports['tcp']!, '127.0.0.1')
  const halfRequest = createConnection(Number(new URL(running.url).port), '127.0.0.1')
  await Promise.all([once(idle, 'connect'), once(halfRequest, 'connect')])
  for (const socket of [idle, halfRequest]) socket.on('error', () => undefined)
  halfRequest.write('GET /metrics HTTP/1.1\r\nHost: x\r\n')
  idle.write('{"version":"1.1","host":"x","short_mess')
  expect(await running.stop('SIGINT')).toBe(0)
})

it('the last spans of the core leave before it ends, and a collector that hangs does not hold it', async () => {
  const spans: string[] = []
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const bytes = Buffer.concat(chunks)
      const isZipped = request.headers['content-encoding'] === 'gzip'
      spans.push((isZipped ? gunzipSync(bytes) : bytes).toString())
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const tracedTo = ({ port }: AddressInfo): Record<string, string> => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    // Far away: only the end can be what sends them.
    OTEL_BSP_SCHEDULE_DELAY: '600000',
  })
  try {
    for (const server of [collector, silent]) {
      const running = await start(tracedTo(server.address() as AddressInfo))
      const before = await sloEvents(running.url, 'all')
      expect(await postGelf(running.ports['web']!, message('traced', 'traced'))).toBe(202)
      await waitFor('its evaluation', async () =>
        (await sloEvents(running.url, 'all')) > before ? true : undefined,
      )
      expect(await running.stop()).toBe(0)
    }
    expect(spans.join()).toContain('tocsin.slice')
  } finally {
    collector.closeAllConnections()
    collector.close()
  }
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningService> {
  const { port } = silent.address() as AddressInfo
  service = await startService(folder, { RECEIVER_PORT: String(port), ...env })
  return service
}

/** Senders that go on until the service hangs up; what they sent counts until `isEnding`. */
class Load {
  isEnding = false
  readonly ended: Promise<unknown>
  readonly #sent: Set<string>

  constructor({ ports }: RunningService, sent: Set<string>) {
    this.#sent = sent
    const connections = Array.from({ length: CONNECTIONS }, (_, n) => this.#tcp(ports['tcp']!, n))
    const requests = Array.from({ length: REQUESTS }, (_, n) => this.#http(ports['web']!, n))
    this.ended = Promise.all([...connections, ...requests])
  }

  async #tcp(port: number, n: number): Promise<void> {
    const socket = createConnection(port, '127.0.0.1')
    await once(socket, 'connect')
    // It hears when the service hangs up; then, or after a reset, the next write fails.
    socket.resume()
    socket.on('error', () => undefined)
    for (let batch = 0; ; batch++) {
      const refs = refsOf(`tcp-${n}`, batch)
      const frames = refs.map((ref) => `${message(`tcp-${n}`, ref)}\0`).join('')
      if (!(await written(socket, frames))) break
      this.#note(refs)
      await new Promise((resolve) => void setTimeout(resolve, 1))
    }
    socket.destroy()
  }

  async #http(port: number, n: number): Promise<void> {
    for (let batch = 0; ; batch++) {
      const refs = refsOf(`web-${n}`, batch)
      const body = refs.map((ref) => message(`web-${n}`, ref)).join('\n')
      const status = await postGelf(port, body).catch(() => undefined)
      // A 202 binds whenever it was said; the signal may have come before it.
      if (status === 202) for (const ref of refs) this.#sent.add(ref)
      else if (this.isEnding) return
      else expect(status).toBe(202)
    }
  }

  #note(refs: readonly string[]): void {
    if (!this.isEnding) for (const ref of refs) this.#sent.add(ref)
  }
}

/** Whether the kernel took it all. */
function written(socket: Socket, text: string): Promise<boolean> {
  return new Promise((resolve) => void socket.write(text, (error) => resolve(error == null)))
}

function refsOf(sender: string, batch: number): string[] {
  return Array.from({ length: BATCH }, (_, nth) => `${sender}:${batch}:${nth}`)
}

function message(sender: string, ref: string): string {
  return gelf(`message ${ref}`, { _sender: sender, _ref: ref })
}
