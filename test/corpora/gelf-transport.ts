import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

import { vi } from 'vitest'

import { gelfHttpSource } from '../../src/ingest/gelf/http.ts'
import { gelfTcpSource } from '../../src/ingest/gelf/tcp.ts'
import { gelfUdpSource } from '../../src/ingest/gelf/udp.ts'
import { gelf, MemorySink } from '../ingest/memory-sink.ts'

export type Transport = 'udp' | 'tcp' | 'http'

const SOURCES = { udp: gelfUdpSource, tcp: gelfTcpSource, http: gelfHttpSource }

const GOOD = gelf('a good message behind it')

export interface Outcome {
  readonly sink: MemorySink
  readonly events: MemorySink['events']
  /** HTTP answers, one per packet. */
  readonly statuses: readonly number[]
}

/**
 * Sends packets to a source of its own over a real socket, then a good message, and waits for that
 * one: what it does not return with was never accepted.
 */
export async function deliver(transport: Transport, packets: readonly Buffer[]): Promise<Outcome> {
  const sink = new MemorySink()
  const source = SOURCES[transport](sink.parts)
  const { port } = await source.start()
  try {
    const statuses = await SEND[transport](port, packets)
    const isGood = ({ message }: MemorySink['events'][number]) =>
      message === 'a good message behind it'
    await vi.waitFor(() => {
      if (!sink.events.some(isGood)) throw new Error('the good message did not arrive')
    }, 5_000)
    return { sink, statuses, events: sink.events.filter((event) => !isGood(event)) }
  } finally {
    await source.stop()
  }
}

const SEND: Record<Transport, (port: number, packets: readonly Buffer[]) => Promise<number[]>> = {
  async udp(port, packets) {
    const socket = createSocket('udp4')
    for (const packet of [...packets, Buffer.from(GOOD)]) {
      await new Promise<void>((resolve, reject) => {
        socket.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
      })
    }
    socket.close()
    return []
  },

  async tcp(port, packets) {
    for (const bytes of [Buffer.concat(packets), Buffer.from(`${GOOD}\0`)]) {
      await new Promise<void>((resolve) => {
        const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(bytes))
        socket.on('error', () => undefined).on('close', () => resolve())
        socket.resume()
      })
    }
    return []
  },

  async http(port, packets) {
    const statuses = []
    for (const packet of packets) statuses.push(await exchange(port, packet))
    await exchange(port, httpRequest(Buffer.from(GOOD), {}))
    return statuses
  },
}

/** A whole HTTP request as bytes. */
export function httpRequest(body: Buffer, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST /gelf HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

/** Sends a request and gives the status of its answer. */
function exchange(port: number, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request))
    socket.once('error', reject)
    socket.once('data', (answer) => {
      resolve(Number(/^HTTP\/1.1 (\d{3})/.exec(answer.toString())?.[1]))
      socket.destroy()
    })
  })
}
