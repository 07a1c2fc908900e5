import { createSocket } from 'node:dgram'
import { deflateSync, gzipSync } from 'node:zlib'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { gelfUdpSource } from '../../../src/ingest/gelf/udp.ts'
import type { GelfUdpOptions } from '../../../src/ingest/gelf/udp.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { gelf, MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

async function open(options: Partial<GelfUdpOptions> = {}) {
  const sink = new MemorySink()
  const source = gelfUdpSource({ ...sink.parts, ...options })
  const { port, host } = await source.start()
  cleanUps.add('source', () => source.stop())
  const client = createSocket('udp4')
  cleanUps.add('client', () => void client.close())
  const send = (datagram: Buffer | string) =>
    new Promise<void>((resolve, reject) =>
      client.send(datagram, port, host, (error) => (error ? reject(error) : resolve())),
    )
  return { sink, source, send }
}

function chunksOf(payload: Buffer, count: number, id = 'abcdefgh'): Buffer[] {
  const size = Math.ceil(payload.length / count)
  return Array.from({ length: count }, (_, i) =>
    Buffer.concat([
      Buffer.from([0x1e, 0x0f]),
      Buffer.from(id),
      Buffer.from([i, count]),
      payload.subarray(i * size, (i + 1) * size),
    ]),
  )
}

test('plain, gzip, zlib and chunked messages arrive', async () => {
  const { sink, send } = await open()
  await send(gelf('plain'))
  await send(gzipSync(gelf('gzip')))
  await send(deflateSync(gelf('zlib')))
  for (const part of chunksOf(Buffer.from(gelf('chunks')), 3).toReversed()) await send(part)
  for (const part of chunksOf(gzipSync(gelf('gzip chunks')), 2)) await send(part)
  for (const part of chunksOf(deflateSync(gelf('one chunk')), 1)) await send(part)
  await vi.waitFor(() =>
    expect(sink.messages).toEqual(['plain', 'gzip', 'zlib', 'chunks', 'gzip chunks', 'one chunk']),
  )
  await vi.waitFor(() => expect(sink.count('input.accepted', 'udp')).toBe(6))
  expect(sink.count('input.rejected')).toBe(0)
})

test('single messages share a slab while the journal is busy, and none waits for a next one', async () => {
  const { sink, send } = await open()
  sink.outcome = 'wait'
  for (let i = 0; i < 20; i++) {
    await send(gelf(`m${i}`))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await vi.waitFor(() => expect(sink.slabs).toHaveLength(2))
  sink.outcome = 'durable'
  for (const { seq } of sink.slabs.slice(0, 2)) sink.writer.settle(seq, 'durable')
  await vi.waitFor(() => expect(sink.records).toBe(20))
  expect(sink.slabs.length).toBeLessThan(6)
  await vi.waitFor(() => expect(sink.count('input.accepted')).toBe(20))
})

test('a burst shares slabs', async () => {
  const { sink, send } = await open()
  await Promise.all(Array.from({ length: 200 }, (_, i) => send(gelf(`${i}`))))
  await vi.waitFor(() => expect(sink.records).toBe(200))
  expect(sink.slabs.length).toBeLessThan(200)
})

describe('what is no message is counted, and the next good one arrives', () => {
  test.each<[string, Buffer | string, string]>([
    ['an empty datagram', '', 'too_short'],
    ['one byte', '{', 'too_short'],
    ['a bomb of 8 MiB', deflateSync(Buffer.alloc(8 * 1_048_576)), 'bomb'],
    ['two gzip members', Buffer.concat([gzipSync('{}'), gzipSync('{}')]), 'encoding'],
    ['an unknown magic', Buffer.from([0x01, 0x02, 0x03]), 'encoding'],
    ['a broken chunk', Buffer.from([0x1e, 0x0f, 0x01]), 'chunk'],
    ['a chunk inside a chunk', chunksOf(chunksOf(Buffer.from('{}'), 1)[0]!, 1)[0]!, 'chunk'],
    ['bad UTF-8', Buffer.from('{"short_message":"\xff"}', 'latin1'), 'utf8'],
    ['two values', `${gelf('a')}\n${gelf('b')}`, 'json'],
    ['null', 'null', 'not_an_object'],
    ['200 levels', `{"short_message":"m","_a":${'['.repeat(200)}${']'.repeat(200)}}`, 'depth'],
    ['a number as host', '{"host":1,"short_message":"m"}', 'host'],
    ['no message', '{"host":"h"}', 'message'],
  ])('%s', async (_, datagram, reason) => {
    const { sink, send } = await open()
    await send(datagram)
    await send(gelf('good'))
    await vi.waitFor(() => expect(sink.messages).toEqual(['good']))
    expect(sink.occurrences.filter(({ name }) => name === 'input.rejected')).toEqual([
      { name: 'input.rejected', labels: { input: 'test', reason }, count: 1 },
    ])
  })
})

test('chunks that stay alone are counted after five seconds without any traffic', async () => {
  const clock = new ManualClock(1_000_000)
  const { sink, send } = await open({ clock: clock.now, timers: clock })
  await send(chunksOf(Buffer.from(gelf('half')), 2)[0]!)
  await send(gelf('seen'))
  await vi.waitFor(() => expect(sink.messages).toEqual(['seen']))
  clock.advance(5_000)
  expect(sink.count('input.rejected')).toBe(0)
  clock.advance(1_001)
  expect(sink.count('input.rejected', 'chunk_expired')).toBe(1)
})

test('a stop hands over what the kernel holds', async () => {
  const { sink, source, send } = await open()
  await Promise.all(Array.from({ length: 50 }, (_, i) => send(gelf(`${i}`))))
  await source.stop()
  expect(sink.records).toBe(50)
  await source.stop()
})

test('a port that is taken is an error at the start', async () => {
  const taken = createSocket('udp4')
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve))
  cleanUps.add('taken', () => void taken.close())
  const listen = { host: '127.0.0.1', port: taken.address().port }
  const source = gelfUdpSource({ ...new MemorySink().parts, listen })
  await expect(source.start()).rejects.toThrow('EADDRINUSE')
  await source.stop()
})
