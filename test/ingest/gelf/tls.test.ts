import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { gelfHttpSource } from '../../../src/ingest/gelf/http.ts'
import { gelfTcpSource } from '../../../src/ingest/gelf/tcp.ts'
import type { TlsSettings } from '../../../src/ingest/gelf/tls.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { AUTHORITY, certificate, certificateFiles } from '../../support/certificates.ts'
import { gelf, MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

const SERVER: TlsSettings = certificateFiles('server')
const MUTUAL: TlsSettings = { ...SERVER, client_ca: AUTHORITY }

async function open(tls: TlsSettings, hands?: ManualClock) {
  const sink = new MemorySink()
  const source = gelfTcpSource({ ...sink.parts, tls, ...(hands && { timers: hands }) })
  const { port } = await source.start()
  cleanUps.add('source', () => source.stop())
  return { sink, port }
}

/** Sends one message over TLS; the server's name in its certificate, or why there was none. */
function send(port: number, options: ConnectionOptions, text = `${gelf('secret')}\0`) {
  return new Promise<string>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', ca: certificate('server').ca, ...options })
    socket.once('secureConnect', () => {
      const print = socket.getPeerCertificate().fingerprint256
      socket.end(text, () => resolve(print))
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.resume()
  })
}

describe('GELF over TLS', () => {
  test('brings messages as over plain TCP', async () => {
    const { sink, port } = await open(SERVER)
    await send(port, {}, `${gelf('one')}\0${gelf('two')}\0`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one', 'two']))
  })

  test.each([
    ['a client of the authority', 'client', true],
    ['one without a certificate', undefined, false],
    ['one of another authority', 'stranger', false],
    ['one whose certificate has ended', 'expired', false],
  ] as const)('that asks for certificates: %s (T5)', async (_who, name, isTaken) => {
    const { sink, port } = await open(MUTUAL)
    await send(port, name === undefined ? {} : certificate(name))
    if (!isTaken) await vi.waitFor(() => expect(refused(sink, 'tls')).toBe(1))
    await send(port, certificate('client'), `${gelf('after')}\0`)
    await vi.waitFor(() => expect(sink.messages).toContain('after'))
    expect(sink.messages.includes('secret')).toBe(isTaken)
  })

  test('refuses versions before 1.2 (T5)', async () => {
    const { sink, port } = await open(SERVER)
    // Without a lower security level OpenSSL itself would not offer it.
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const
    await send(port, old)
    await vi.waitFor(() => expect(refused(sink, 'tls')).toBe(1))
    expect(sink.messages).toEqual([])
  })

  test('refuses plain text, and goes on (T6)', async () => {
    const { sink, port } = await open(SERVER)
    const socket = connectPlain(port, '127.0.0.1')
    cleanUps.add('socket', () => void socket.destroy())
    socket.on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(`${gelf('plain')}\0`)
    await closed
    await vi.waitFor(() => expect(refused(sink, 'tls')).toBe(1))
    await send(port, {})
    await vi.waitFor(() => expect(sink.messages).toEqual(['secret']))
  })

  test('a TLS sender on a plain port is let go at once and counted (T6)', async () => {
    const sink = new MemorySink()
    const source = gelfTcpSource(sink.parts)
    const { port } = await source.start()
    cleanUps.add('source', () => source.stop())
    expect(await send(port, {})).toBe('ECONNRESET')
    expect(refused(sink, 'tls_on_plain')).toBe(1)
  })
})

describe('the files', () => {
  test('are taken when they were renewed, and kept when the new ones cannot be used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    cleanUps.add('folder', () => rmSync(folder, { recursive: true }))
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const put = (name: 'server' | 'renewed-server') => {
      copyFileSync(certificateFiles(name).cert, cert)
      copyFileSync(certificateFiles(name).key, key)
    }
    put('server')
    const hands = new ManualClock(0)
    const { sink, port } = await open({ cert, key }, hands)
    const first = await send(port, {})

    put('renewed-server')
    hands.advance(10_000)
    expect(sink.count('input.tls_renewed')).toBe(1)
    const second = await send(port, {})
    expect(second).not.toBe(first)

    writeFileSync(key, 'no key')
    hands.advance(10_000)
    hands.advance(10_000)
    expect(sink.count('input.tls_refused')).toBe(1)
    expect(await send(port, {})).toBe(second)
  })

  test.each([
    [{ ...SERVER, key: '/nowhere/key.pem' }, 'cannot read the private key "/nowhere/key.pem"'],
    [{ ...SERVER, key: certificateFiles('client').key }, 'are not a PEM certificate and its key'],
    [{ ...SERVER, cert: AUTHORITY }, 'are not a PEM certificate and its key'],
  ])('that cannot be used fail the start and are named', (tls, message) => {
    expect(() => gelfTcpSource({ ...new MemorySink().parts, tls })).toThrow(message)
  })
})

test('GELF over HTTPS asks for certificates as TCP does', async () => {
  const sink = new MemorySink()
  const source = gelfHttpSource({ ...sink.parts, tls: MUTUAL })
  const { port } = await source.start()
  cleanUps.add('source', () => source.stop())
  const post = (options: object) =>
    new Promise<number | string>((resolve) => {
      const ca = certificate('server').ca
      const url = { host: '127.0.0.1', port, path: '/gelf', method: 'POST', ca, agent: false }
      const sent = request({ ...url, ...options }, (answer) => {
        answer.resume()
        resolve(answer.statusCode!)
      })
      sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      sent.end(gelf('over https'))
    })
  expect(await post({})).not.toBe(202)
  expect(refused(sink, 'tls')).toBe(1)
  expect(await post(certificate('client'))).toBe(202)
  expect(sink.messages).toEqual(['over https'])
})

function refused(sink: MemorySink, reason: string): number {
  return sink.count('input.connection_refused', reason)
}
