import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'

import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { PartitionLink } from '../../model/partition.ts'
import type { RecordSink, Source } from '../source.ts'
import { ByteBudget } from './byte-budget.ts'
import { ConnectionPlaces } from './connection-places.ts'
import { FramePace, PACE_CHECK_MS } from './frame-pace.ts'
import { Framer } from './framer.ts'
import type { Delimiter } from './framer.ts'
import { IntakeReport } from './intake-report.ts'
import { inputTls } from './tls.ts'
import type { InputTls, TlsSettings } from './tls.ts'
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
  readonly tls?: TlsSettings | undefined
  readonly sink: RecordSink
  readonly report: Report
  readonly clock: Clock
  readonly timers: Timers
  /** Told of records that are lost because there was no room for them. */
  readonly onDropped?: (count: number) => void
  /** Told when the first sender connects and when the last one is gone, until the input stops. */
  readonly onLink?: (link: PartitionLink) => void
  /** Default 2,000 and 200. */
  readonly maxConnections?: number
  readonly maxConnectionsPerSource?: number
}

/**
 * GELF over TCP, plain or TLS. A connection is always read: a Graylog whose output is not read
 * stops as a whole (measured, design §4.5), so what cannot be kept is counted and dropped, never
 * left unread. Nothing is ever answered; the records of one read are one slab, or share one while
 * the journal is busy.
 *
 * @throws Error when the files of `tls` cannot be used.
 */
export function gelfTcpSource(options: GelfTcpOptions): Source {
  return new GelfTcpSource(options)
}

interface Connection {
  readonly framer: Framer
  readonly pace: FramePace
}

class GelfTcpSource implements Source {
  readonly name: string
  readonly #options: GelfTcpOptions
  readonly #intake: IntakeReport
  readonly #budget = new ByteBudget(MAX_HELD_BYTES)
  readonly #places: ConnectionPlaces
  readonly #tls: InputTls | undefined
  readonly #server: Server
  /** Sockets without a connection are in their handshake. */
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Map<Socket, Connection>()
  #cancels: Cancel[] = []
  #reads = 0
  #isStopping = false
  #isFinished = false

  constructor(options: GelfTcpOptions) {
    this.name = options.name
    this.#options = options
    this.#intake = new IntakeReport({ ...options, input: options.name, transport: 'tcp' })
    this.#places = new ConnectionPlaces(
      options.maxConnections ?? MAX_CONNECTIONS,
      options.maxConnectionsPerSource ?? MAX_CONNECTIONS_PER_SOURCE,
    )
    const parts = { ...options, input: options.name }
    this.#tls = options.tls === undefined ? undefined : inputTls(options.tls, parts)
    this.#server = this.#tls === undefined ? this.#plainServer() : this.#tlsServer(this.#tls)
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
    this.#cancels.push(this.#options.timers.every(PACE_CHECK_MS, () => this.#dropSlow()))
    const { address: host, port } = server.address() as AddressInfo
    return { host, port }
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    this.#isStopping = true
    for (const cancel of this.#cancels) cancel()
    // First: connections that the kernel has made but we have not met would be reset by a close.
    await untilQuiet(() => this.#reads, this.#options.clock)
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    await this.#hangUp()
    for (const { framer } of this.#connections.values()) this.#ended(framer)
    for (const socket of this.#sockets) socket.destroy()
    this.#isFinished = true
    this.#intake.seal(this.#options.sink)
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

  #plainServer(): Server {
    return createServer((socket) => {
      if (this.#hasPlace(socket)) this.#connected(socket, true)
    })
  }

  #tlsServer(tls: InputTls): Server {
    const server = createTlsServer(tls.options, (socket) => this.#connected(socket, false))
    server.on('connection', (socket) => void this.#hasPlace(socket))
    // A handshake that failed, or was not begun in time: the other side speaks no TLS, or shows
    // no certificate that is taken.
    server.on('tlsClientError', ({ message }, socket: TLSSocket) => {
      this.#intake.connectionRefused('tls', { message, source: socket.remoteAddress })
      socket.destroy()
    })
    this.#cancels.push(tls.watch(server))
    return server
  }

  /** Whether there is room for one more; if not, the connection is gone. */
  #hasPlace(socket: Socket): boolean {
    this.#reads++
    const source = socket.remoteAddress ?? ''
    const full = this.#places.take(source)
    socket.on('error', () => undefined) // A reset loses what was begun; 'close' follows.
    if (full !== undefined) {
      this.#intake.connectionRefused(full, { source })
      socket.resetAndDestroy()
      return false
    }
    this.#sockets.add(socket)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#places.give(source)
    })
    return true
  }

  #connected(socket: Socket, isPlain: boolean): void {
    let isFirst = isPlain
    const framer = this.#framer()
    const pace = new FramePace()
    this.#connections.set(socket, { framer, pace })
    if (this.#connections.size === 1) this.#tellLink('up')
    socket.on('data', (chunk) => {
      this.#reads++
      if (isFirst && isTlsHello(chunk)) {
        this.#intake.connectionRefused('tls_on_plain', { source: socket.remoteAddress })
        socket.destroy()
        return
      }
      isFirst = false
      pace.read(chunk.length, framer.push(chunk), framer.isWaiting)
      this.#intake.sealSoon(this.#options.sink)
    })
    socket.on('end', () => this.#ended(framer))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (framer.isInside) this.#intake.rejected('incomplete')
      framer.drop()
      this.#intake.flush()
      this.#connections.delete(socket)
      if (this.#connections.size === 0) this.#tellLink('down')
    })
  }

  /** An end that we bring about is not the sender's. */
  #tellLink(link: PartitionLink): void {
    if (!this.#isStopping) this.#options.onLink?.(link)
  }

  #dropSlow(): void {
    for (const [socket, { pace }] of this.#connections) {
      if (!pace.isTooSlow()) continue
      this.#intake.connectionRefused('slow', { source: socket.remoteAddress })
      socket.destroy()
    }
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
    this.#intake.sealSoon(this.#options.sink)
  }
}

/** A handshake record of TLS (RFC 8446 §5.1): its sender waits for an answer that never comes. */
function isTlsHello(bytes: Buffer): boolean {
  return bytes.length > 2 && bytes[0] === 0x16 && bytes[1] === 0x03 && bytes[2]! <= 4
}
