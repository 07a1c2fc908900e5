import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { inflateSync } from 'node:zlib'
import gelfPro from 'gelf-pro'
import { afterEach, describe, expect, it } from 'vitest'
import { selfMaterial, verifySelfMarker } from '../../src/lib/self-marker.ts'
import { createGelfLog, gelfMessage } from '../../src/telemetry/gelf-log.ts'

const key = new Uint8Array(32).fill(9)
const line = `${JSON.stringify({
  level: 'warn',
  time: 1_700_000_000_123,
  occurrence: 'input.rejected',
  input: 'payments',
  remote: { address: '10.0.0.1' },
  count: 7,
  id: 'x1',
  'odd name': true,
  msg: 'input payments refused a record: utf8',
})}\n`

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

async function udpServer() {
  const socket = createSocket('udp4')
  cleanUps.push(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { socket, port: socket.address().port }
}

/** One chunk: 2 bytes of magic, 8 of id, number and count, then zlib. */
function unchunked(packet: Buffer): Record<string, unknown> {
  expect([...packet.subarray(0, 2)]).toEqual([0x1e, 0x0f])
  return JSON.parse(inflateSync(packet.subarray(12)).toString('utf8')) as Record<string, unknown>
}

describe('the own log in Graylog', () => {
  it('is GELF 1.1 with syslog level, seconds and underscored fields', () => {
    expect(JSON.parse(gelfMessage(line, { source: 'tocsin-1', key }))).toEqual({
      version: '1.1',
      host: 'tocsin-1',
      short_message: 'input payments refused a record: utf8',
      timestamp: 1_700_000_000.123,
      level: 4,
      _occurrence: 'input.rejected',
      _input: 'payments',
      _remote: '{"address":"10.0.0.1"}',
      _count: 7,
      _id_: 'x1',
      _odd_name: 'true',
      _tocsin_self: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('carries a marker that verifies over what arrives, and over nothing else (I12)', () => {
    const message = JSON.parse(gelfMessage(line, { source: 'tocsin-1', key })) as {
      host: string
      short_message: string
      timestamp: number
      _tocsin_self: string
    }
    const arrivedMs = Math.round(message.timestamp * 1_000)
    const material = selfMaterial(arrivedMs, message.host, message.short_message)
    expect(verifySelfMarker(key, message._tocsin_self, material)).toBe(true)
    const other = selfMaterial(arrivedMs, message.host, 'sshd: accepted password for root')
    expect(verifySelfMarker(key, message._tocsin_self, other)).toBe(false)
    expect(verifySelfMarker(new Uint8Array(32), message._tocsin_self, material)).toBe(false)
    expect(verifySelfMarker(key, 'short', material)).toBe(false)
  })

  it('cannot be given a false marker or another host by a field of the line', () => {
    const forged = JSON.stringify({
      level: 'info',
      time: 1,
      msg: 'x',
      tocsin_self: 'forged',
      host: 'elsewhere',
      short_message: 'other',
    })
    const message = JSON.parse(gelfMessage(forged, { source: 'tocsin-1', key }))
    expect(message).toMatchObject({ host: 'tocsin-1', short_message: 'x' })
    expect(message._tocsin_self).not.toBe('forged')
  })

  it('leaves by UDP through gelf-pro without touching its shared configuration', async () => {
    const { socket, port } = await udpServer()
    const before = JSON.stringify((gelfPro as unknown as { config: unknown }).config)
    const lost: string[] = []
    const log = createGelfLog({
      host: '127.0.0.1',
      port,
      source: 'tocsin-1',
      key,
      onLost: (reason) => lost.push(reason),
    })
    const received = once(socket, 'message')
    log.write(line)
    const [packet] = (await received) as [Buffer]
    expect(unchunked(packet)).toMatchObject({ host: 'tocsin-1', level: 4, _input: 'payments' })
    expect(JSON.stringify((gelfPro as unknown as { config: unknown }).config)).toBe(before)
    expect(lost).toEqual([])
  })

  it('two of them do not redirect each other', async () => {
    const [first, second] = [await udpServer(), await udpServer()]
    const open = (port: number, source: string) =>
      createGelfLog({ host: '127.0.0.1', port, source, key, onLost: () => {} })
    const a = open(first.port, 'a')
    const b = open(second.port, 'b')
    const received = Promise.all([once(first.socket, 'message'), once(second.socket, 'message')])
    a.write(line)
    b.write(line)
    const [[toFirst], [toSecond]] = (await received) as [[Buffer], [Buffer]]
    expect(unchunked(toFirst)['host']).toBe('a')
    expect(unchunked(toSecond)['host']).toBe('b')
  })

  it('drops and says so when too many are on their way (I2)', () => {
    const lost: string[] = []
    const log = createGelfLog({
      host: '127.0.0.1',
      port: 9,
      source: 'tocsin-1',
      key,
      onLost: (reason) => lost.push(reason),
    })
    for (let i = 0; i < 100; i++) log.write(line)
    expect(log.inFlight()).toBe(64)
    expect(lost).toHaveLength(36)
  })
})
