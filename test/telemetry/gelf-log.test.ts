import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { inflateSync } from 'node:zlib'
import * as fc from 'fast-check'
import gelfPro from 'gelf-pro'
import { afterEach, describe, expect, it } from 'vitest'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { selfMarker, selfMaterial, verifySelfMarker } from '../../src/lib/self-marker.ts'
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

/** Whether an input takes the record for ours, and what it flags. */
function judged(record: string): [boolean, readonly string[]] {
  const event = new GelfEvent({
    verifySelf: (marker, material) => verifySelfMarker(key, marker, material),
  })
  const bytes = Buffer.from(record)
  expect(event.scan(bytes, 0, bytes.length, 1_700_000_001_000)).toBeUndefined()
  return [event.isOwn, event.flags]
}

/** What Graylog's GELF output makes of a record that came in by GELF, as it was captured on 7.0.1. */
function throughGraylog(sent: Record<string, unknown>): Record<string, unknown> {
  const { version, host, short_message: message, timestamp, level, ...additional } = sent
  return {
    version,
    timestamp,
    host,
    short_message: message,
    level,
    ...additional,
    _source: host,
    _message: message,
    _level: level,
    _timestamp: '2023-11-14T22:13:20.123Z',
    _id: '1c0cd0d2-28b1-11ef-9a3f-0242ac120004',
    _gl2_message_id: '01J0F3D5Z5',
    _gl2_source_input: '5ae2eb0a',
    _gl2_source_node: '8d1b6f6e',
    _gl2_remote_ip: '10.0.0.1',
    _gl2_remote_port: 40_000,
    _gl2_receive_timestamp: '2026-11-24 08:30:14.456',
    _gl2_processing_timestamp: '2026-11-24 08:30:14.457',
    _gl2_processing_duration_ms: 1,
    _forwarder: 'org.graylog2.outputs.GelfOutput',
  }
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

  it('is known again as ours when it comes in, directly or through Graylog (I12)', () => {
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', ' a ', '\u0001b\u0001', '\ud800', '9007199254740993', 'ä'.repeat(30_000)),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.dictionary(fc.string(), fc.string()),
    )
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('id', 'message', 'line', 'gl2_x', '_a', '__id', 'a.b', 'a_b', 'level_', '-'),
    )
    fc.assert(
      fc.property(fc.dictionary(names, values), fc.string(), (fields, msg) => {
        const written = JSON.stringify({ ...fields, level: 'warn', time: 1_700_000_000_123, msg })
        const sent = gelfMessage(written, { source: 'tocsin-1', key })
        expect(judged(sent)).toEqual([true, []])
        const forwarded = throughGraylog(JSON.parse(sent) as Record<string, unknown>)
        expect(judged(JSON.stringify(forwarded))).toEqual([true, []])
        expect(judged(JSON.stringify({ ...forwarded, _user: 'root' }))[0]).toBe(false)
      }),
    )
  })

  it('is nobody else’s with another key or a marker of another length', () => {
    const material = selfMaterial(1, { source: 'tocsin-1' })
    const marker = selfMarker(key, material)
    expect(verifySelfMarker(key, marker, material)).toBe(true)
    expect(verifySelfMarker(new Uint8Array(32), marker, material)).toBe(false)
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
