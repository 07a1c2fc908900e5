import { connect, Socket } from 'node:net'

import { afterEach, describe, expect, test, vi } from 'vitest'

import { gelfTcpSource } from '../../../src/ingest/gelf/tcp.ts'
import type { GelfTcpOptions } from '../../../src/ingest/gelf/tcp.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { gelf, MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

async function open(options: Partial<GelfTcpOptions> = {}, sink = new MemorySink()) {
  const source = gelfTcpSource({ ...sink.parts, ...options })
  const { port, host } = await source.start()
  cleanUps.add('source', () => source.stop())
  const dial = async () => {
    const socket = connect({ port, host })
    cleanUps.add('socket', () => void socket.destroy())
    socket.on('error', () => undefined)
    // One that is refused may never say that it was connected.
    await new Promise((resolve) => void socket.once('connect', resolve).once('close', resolve))
    return socket
  }
  return { sink, source, dial, port, host }
}

const write = (socket: Socket, text: string | Buffer) =>
  new Promise<void>((resolve) => socket.write(text, () => resolve()))

/** Whether the kernel took it all. */
const isWritten = (socket: Socket, text: string) =>
  new Promise<boolean>((resolve) => socket.write(text, (error) => resolve(error == null)))

describe('a connection', () => {
  test('is asked whether it still lives, so that peers that vanished give their places back', async () => {
    const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive')
    const { dial } = await open()
    await dial()
    await vi.waitFor(() => expect(keepAlive).toHaveBeenCalledWith(true, 60_000))
    keepAlive.mockRestore()
  })

  test('brings messages however they are cut, and empty frames are nothing', async () => {
    const { sink, dial } = await open()
    const socket = await dial()
    const stream = Buffer.from(`\0${gelf('grün')}\0\0${gelf('two\n')}\0${gelf('three')}\0`)
    for (let at = 0; at < stream.length; at += 7) await write(socket, stream.subarray(at, at + 7))
    await vi.waitFor(() => expect(sink.messages).toEqual(['grün', 'two\n', 'three']))
    await vi.waitFor(() => expect(sink.count('input.accepted', 'tcp')).toBe(3))
    expect(sink.count('input.rejected')).toBe(0)
  })

  test('may separate messages by lines', async () => {
    const { sink, dial } = await open({ delimiter: 'newline' })
    await write(await dial(), `${gelf('one')}\r\n\r\n${gelf('two')}\n`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one', 'two']))
  })

  test('what one read brought is one slab', async () => {
    const { sink, dial } = await open()
    await write(await dial(), Array.from({ length: 50 }, (_, i) => `${gelf(`${i}`)}\0`).join(''))
    await vi.waitFor(() => expect(sink.records).toBe(50))
    expect(sink.slabs.length).toBeLessThan(5)
  })

  test('takes the last message without its delimiter at the end, and counts one that was cut', async () => {
    const { sink, dial } = await open()
    ;(await dial()).end(`${gelf('one')}\0${gelf('last')}`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one', 'last']))
    ;(await dial()).end(`${gelf('two')}\0${gelf('cut').slice(0, 30)}`)
    await vi.waitFor(() => expect(sink.count('input.rejected', 'incomplete')).toBe(1))
    expect(sink.messages).toEqual(['one', 'last', 'two'])
  })

  test('that is reset within a message loses that one, counted, and keeps the others (T7)', async () => {
    const { sink, dial } = await open()
    const socket = await dial()
    await write(socket, `${gelf('one')}\0${gelf('half')}`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one']))
    socket.resetAndDestroy()
    await vi.waitFor(() => expect(sink.count('input.rejected', 'incomplete')).toBe(1))
    expect(sink.messages).toEqual(['one'])
  })

  test('stays open after bad and too long messages (T1)', async () => {
    const { sink, dial } = await open()
    const socket = await dial()
    await write(socket, `nonsense\0${gelf('x'.repeat(3_000_000))}\0${gelf('good')}\0`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['good']))
    expect([
      sink.count('input.rejected', 'json'),
      sink.count('input.rejected', 'too_long'),
    ]).toEqual([1, 1])
    expect(socket.closed).toBe(false)
  })
})

describe('the pace of a frame (T2)', () => {
  const isClosed = (socket: Socket) => {
    const seen = { closed: false }
    socket.once('close', () => (seen.closed = true))
    return seen
  }

  test('a frame that does not come on costs its connection, one that does is waited for', async () => {
    const hands = new ManualClock()
    const { sink, dial } = await open({ timers: hands })
    const [slow, steady] = [await dial(), await dial()]
    const seen = [isClosed(slow), isClosed(steady)]
    await write(slow, '{"host":')
    await write(steady, `${gelf('whole')}\0{"version":"1.1","host":"h","short_message":"`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['whole']))
    for (let second = 10; second < 60; second += 10) {
      await write(slow, 'x'.repeat(100))
      await write(steady, 'y'.repeat(700))
      await write(await dial(), `${gelf(`at ${second}`)}\0`)
      await vi.waitFor(() => expect(sink.messages).toContain(`at ${second}`))
      hands.advance(10_000)
    }
    await vi.waitFor(() => expect(seen[0]!.closed).toBe(true))
    expect(seen[1]!.closed).toBe(false)
    expect(sink.count('input.connection_refused', 'slow')).toBe(1)
    await vi.waitFor(() => expect(sink.count('input.rejected', 'incomplete')).toBe(1))
    await write(steady, '"}\0')
    await vi.waitFor(() => expect(sink.messages.at(-1)).toBe('y'.repeat(3_500)))
  })

  test('between frames a connection may be silent for ever: Graylog keeps one open', async () => {
    const hands = new ManualClock()
    const { sink, dial } = await open({ timers: hands })
    const socket = await dial()
    await write(socket, `${gelf('one')}\0`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one']))
    hands.advance(24 * 3_600_000)
    await write(socket, `${gelf('two')}\0`)
    await vi.waitFor(() => expect(sink.messages).toEqual(['one', 'two']))
  })
})

describe('a journal that does not take', () => {
  test('is seen as rejections, and the connection is read on', async () => {
    const { sink, dial } = await open()
    sink.outcome = 'refused'
    const socket = await dial()
    await write(socket, `${gelf('one')}\0${gelf('two')}\0`)
    await vi.waitFor(() => expect(sink.count('input.rejected', 'journal')).toBe(2))
    expect(sink.count('input.accepted')).toBe(0)
    sink.outcome = 'durable'
    await write(socket, `${gelf('three')}\0`)
    await vi.waitFor(() => expect(sink.count('input.accepted')).toBe(1))
  })

  test('never makes the sender wait: what is too much is dropped and counted', async () => {
    const sink = new MemorySink({ maxUnsettledBytes: 100_000 })
    sink.outcome = 'wait'
    const source = gelfTcpSource(sink.parts)
    const { port } = await source.start()
    cleanUps.add('source', () => source.stop())
    const socket = connect({ port })
    cleanUps.add('socket', () => void socket.destroy())
    const message = `${gelf('x'.repeat(1_000))}\0`
    // 20 MB: far more than the kernel's buffers hold, so the writes end only if someone reads.
    for (let i = 0; i < 200; i++) await write(socket, message.repeat(100))
    await vi.waitFor(() =>
      expect(sink.records + sink.count('input.rejected', 'overload')).toBe(20_000),
    )
    expect(sink.writer.unsettledBytes).toBeLessThanOrEqual(100_000)
  })
})

describe('too many connections', () => {
  test('of one address are refused and counted; a place that is free again is given', async () => {
    const { sink, dial } = await open({ maxConnectionsPerSource: 2 })
    const first = await dial()
    await dial()
    const third = await dial()
    await vi.waitFor(() => expect(third.closed).toBe(true))
    expect(sink.count('input.connection_refused', 'source')).toBe(1)
    first.destroy()
    await vi.waitFor(async () => {
      await write(await dial(), `${gelf('one')}\0`)
      await vi.waitFor(() => expect(sink.messages).toContain('one'), 200)
    }, 5_000)
  })

  test('in all are refused and counted', async () => {
    const { sink, dial } = await open({ maxConnections: 1 })
    await dial()
    await dial()
    await vi.waitFor(() => expect(sink.count('input.connection_refused', 'total')).toBe(1))
  })
})

describe('start and stop', () => {
  test('a port that is taken is an error at the start', async () => {
    const { port } = await open()
    const sink = new MemorySink()
    const second = gelfTcpSource({ ...sink.parts, listen: { host: '127.0.0.1', port } })
    await expect(second.start()).rejects.toThrow('EADDRINUSE')
    await second.stop()
  })

  test('a stop hands over what was sent before it, the unended last message too', async () => {
    const { sink, source, dial } = await open()
    const sockets = await Promise.all([dial(), dial()])
    await Promise.all(
      sockets.map((socket, i) =>
        write(socket, `${gelf(`a${i}`)}\0`.repeat(500) + gelf(`last${i}`)),
      ),
    )
    await source.stop()
    expect(sink.records).toBe(1_002)
    expect(sink.messages).toEqual(expect.arrayContaining(['last0', 'last1']))
    await vi.waitFor(() => expect(sockets.every((socket) => socket.closed)).toBe(true))
    await source.stop()
  })

  test('a stop reads what a busy sender had in the kernel, which ends when it is hung up on', async () => {
    const sink = new MemorySink()
    const { source, dial } = await open({}, sink)
    const socket = await dial()
    socket.resume()
    let taken = 0
    let isStopping = false
    const message = `${gelf('x'.repeat(1_000))}\0`.repeat(100)
    const ended = (async () => {
      while (await isWritten(socket, message)) if (!isStopping) taken += 100
    })()
    await vi.waitFor(() => expect(sink.records).toBeGreaterThan(5_000))
    isStopping = true
    await source.stop()
    await ended
    expect(sink.count('input.rejected')).toBe(0)
    expect(sink.records).toBeGreaterThanOrEqual(taken)
  })
})

describe('whether anybody is connected', () => {
  test('is told when the first connects and the last is gone, and not when the input stops', async () => {
    const told: string[] = []
    const { dial, source } = await open({ onLink: (link) => told.push(link) })
    const [one, two] = [await dial(), await dial()]
    await vi.waitFor(() => expect(told).toEqual(['up']))
    one.destroy()
    two.destroy()
    await vi.waitFor(() => expect(told).toEqual(['up', 'down']))
    await dial()
    await vi.waitFor(() => expect(told).toEqual(['up', 'down', 'up']))
    await source.stop()
    expect(told).toEqual(['up', 'down', 'up'])
  })
})
