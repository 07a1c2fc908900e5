import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

import type { Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { RecordSink, Source } from '../source.ts'
import { ByteBudget } from './byte-budget.ts'
import { Framer } from './framer.ts'
import type { Delimiter } from './framer.ts'
import { IntakeReport } from './intake-report.ts'
import { untilQuiet } from './until-quiet.ts'

const MAX_CONNECTIONS = 2_000
const MAX_CONNECTIONS_PER_SOURCE = 200

/** Unfinished frames of all connections together; each alone may have 1 MiB. */
const MAX_HELD_BYTES = 256 * 1_048_576

/**
 * Silence after which the kernel asks a peer whether it still lives: one that vanished without a
 * word (a firewall forgot it, a machine lost power) would hold its place for ever.
 */
const KEEP_ALIVE_MS = 60_000

/** How long a stopping input reads senders that go on, and how often it looks whether they do. */
const HANG_UP_MS = 2_000
const HANG_UP_CHECK_MS = 100

export interface GelfTcpOptions {
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly delimiter?: Delimiter
  readonly sink: RecordSink
  readonly report: Report
  readonly clock: Clock
  readonly timers: Timers
  /** Default 2,000 and 200. */
  readonly maxConnections?: number
  readonly maxConnectionsPerSource?: number
}

/**
 * GELF over TCP. A connection is always read: a Graylog whose output is not read stops as a whole
 * (measured, design §4.5), so what cannot be kept is counted and dropped, never left unread.
 * Nothing is ever answered; the records of one read are one slab.
 */
export function gelfTcpSource(options: GelfTcpOptions): Source {
  return new GelfTcpSource(options)
}

class GelfTcpSource implements Source {
  readonly name: string
  readonly #options: GelfTcpOptions
  readonly #intake: IntakeReport
  readonly #budget = new ByteBudget(MAX_HELD_BYTES)
  readonly #server: Server
  readonly #connections = new Map<Socket, Framer>()
  readonly #perSource = new Map<string, number>()
  #reads = 0
  #isFinished = false

  constructor(options: GelfTcpOptions) {
    this.name = options.name
    this.#options = options
    this.#intake = new IntakeReport({ ...options, input: options.name, transport: 'tcp' })
    this.#server = createServer((socket) => this.#connected(socket))
  }

  async start(): Promise<{ host: string; port: number }> {
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#options.listen, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', ({ message }) =>
      this.#intake.connectionRefused('accept_failed', { message }),
    )
    const { address: host, port } = server.address() as AddressInfo
    return { host, port }
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    // First: connections that the kernel has made but we have not met would be reset by a close.
    await untilQuiet(() => this.#reads, this.#options.clock)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await this.#hangUp()
    for (const [socket, framer] of this.#connections) {
      this.#ended(framer)
      socket.destroy()
    }
    this.#isFinished = true
    await closed
  }

  /**
   * Tells the senders that this is the end and reads on until they have ended too, or pause, or
   * for as long as is bearable: a busy sender has megabytes in the kernel, which a close would lose.
   */
  #hangUp(): Promise<void> {
    const { clock, timers } = this.#options
    if (this.#connections.size === 0) return Promise.resolve()
    for (const socket of this.#connections.keys()) socket.end()
    const endMs = clock() + HANG_UP_MS
    let reads = this.#reads
    return new Promise((resolve) => {
      const cancel = timers.every(HANG_UP_CHECK_MS, () => {
        const isQuiet = reads === this.#reads
        reads = this.#reads
        if (this.#connections.size > 0 && !isQuiet && clock() < endMs) return
        cancel()
        resolve()
      })
    })
  }

  #connected(socket: Socket): void {
    const {
      maxConnections = MAX_CONNECTIONS,
      maxConnectionsPerSource = MAX_CONNECTIONS_PER_SOURCE,
    } = this.#options
    this.#reads++
    const source = socket.remoteAddress ?? ''
    const ofSource = this.#perSource.get(source) ?? 0
    const isFull = this.#connections.size >= maxConnections
    if (isFull || ofSource >= maxConnectionsPerSource) {
      this.#intake.connectionRefused(isFull ? 'total' : 'source', { source })
      socket.on('error', () => undefined) // It is gone either way.
      socket.resetAndDestroy()
      return
    }
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#perSource.set(source, ofSource + 1)
    const framer = this.#framer()
    this.#connections.set(socket, framer)
    socket.on('data', (chunk) => {
      this.#reads++
      framer.push(chunk)
      this.#intake.seal(this.#options.sink)
    })
    socket.on('end', () => this.#ended(framer))
    // A reset loses what was begun; 'close' follows and counts it.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (framer.isInside) this.#intake.rejected('incomplete')
      framer.drop()
      this.#intake.flush()
      this.#connections.delete(socket)
      const left = (this.#perSource.get(source) ?? 1) - 1
      if (left === 0) this.#perSource.delete(source)
      else this.#perSource.set(source, left)
    })
  }

  #framer(): Framer {
    const { sink, delimiter = 'nul' } = this.#options
    return new Framer({
      delimiter,
      budget: this.#budget,
      onFrame: (bytes, start, end) => void this.#intake.take(sink, bytes, start, end),
      onSkipped: (reason) => this.#intake.rejected(reason),
    })
  }

  /** A last message may lack its delimiter: Graylog takes it too. */
  #ended(framer: Framer): void {
    if (this.#isFinished) return
    framer.finish((bytes, start, end) => {
      this.#intake.takeRest(this.#options.sink, bytes, start, end)
    })
    this.#intake.seal(this.#options.sink)
  }
}
