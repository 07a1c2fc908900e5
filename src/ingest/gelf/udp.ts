import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { platform } from 'node:os'

import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { RecordSink, Source } from '../source.ts'
import { ChunkAssembler, isChunk } from './chunks.ts'
import type { ChunkSource } from './chunks.ts'
import { unpack } from './decompress.ts'
import { kernelDrops } from './kernel-drops.ts'
import { IntakeReport } from './intake-report.ts'
import { untilQuiet } from './until-quiet.ts'

/**
 * Asked of the kernel, which gives what it allows (`net.core.rmem_max`) without a word. The
 * default loses some percent at 50,000 messages/s (reference performance §11).
 */
const RECEIVE_BUFFER_BYTES = 16 * 1_048_576

const EXPIRY_CHECK_MS = 1_000
const DROPS_CHECK_MS = 5_000

export interface GelfUdpOptions {
  readonly name: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly sink: RecordSink
  readonly report: Report
  readonly clock: Clock
  readonly timers: Timers
  /** Told of records that are lost because there was no room for them. */
  readonly onDropped?: (count: number) => void
}

/**
 * GELF over UDP: plain, gzip or zlib, whole or in chunks. What one turn of the event loop brought
 * is one slab, or shares one while the journal is busy. What the kernel drops because nobody read
 * in time is counted, so that received = accepted + rejected + kernel_dropped.
 */
export function gelfUdpSource(options: GelfUdpOptions): Source {
  return new GelfUdpSource(options)
}

class GelfUdpSource implements Source {
  readonly name: string
  readonly #options: GelfUdpOptions
  readonly #intake: IntakeReport
  readonly #chunks: ChunkAssembler
  readonly #socket: Socket
  #cancels: Cancel[] = []
  #kernelDrops = 0
  #reads = 0
  #isSealing = false
  #isOpen = false

  constructor(options: GelfUdpOptions) {
    this.name = options.name
    this.#options = options
    this.#intake = new IntakeReport({ ...options, input: options.name, transport: 'udp' })
    const onRejected = this.#intake.rejected.bind(this.#intake)
    this.#chunks = new ChunkAssembler({
      clock: options.clock,
      onRejected: (reason) => onRejected(reason),
    })
    this.#socket = createSocket(isIPv6(options.listen.host) ? 'udp6' : 'udp4')
    this.#socket.on('message', (bytes, source) => {
      this.#reads++
      this.#datagram(bytes, source)
      this.#sealSoon()
    })
  }

  async start(): Promise<{ host: string; port: number }> {
    const { listen, timers } = this.#options
    const socket = this.#socket
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ address: listen.host, port: listen.port }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
    this.#isOpen = true
    socket.on('error', ({ message }) => this.#intake.connectionRefused('socket_error', { message }))
    this.#askForBuffer()
    this.#cancels = [
      timers.every(EXPIRY_CHECK_MS, () => {
        this.#chunks.expire()
        this.#intake.flush()
      }),
      timers.every(DROPS_CHECK_MS, () => this.#countDrops()),
    ]
    this.#kernelDrops = kernelDrops(socket.address()) ?? 0
    const { address: host, port } = socket.address()
    return { host, port }
  }

  async stop(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await untilQuiet(() => this.#reads, this.#options.clock)
    for (const cancel of this.#cancels) cancel()
    this.#countDrops()
    this.#intake.seal(this.#options.sink)
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }

  #datagram(datagram: Buffer, source: ChunkSource): void {
    if (datagram.length < 2) return this.#intake.rejected('too_short')
    let bytes = datagram
    if (isChunk(datagram)) {
      const whole = this.#chunks.add(datagram, source)
      if (whole === undefined) return
      if (isChunk(whole)) return this.#intake.rejected('chunk')
      bytes = whole
    }
    const text = unpack(bytes)
    if (typeof text === 'string') return this.#intake.rejected(text)
    this.#intake.take(this.#options.sink, text, 0, text.length)
  }

  #sealSoon(): void {
    if (this.#isSealing) return
    this.#isSealing = true
    setImmediate(() => {
      this.#isSealing = false
      this.#intake.sealSoon(this.#options.sink)
    })
  }

  /** What came and nobody read in time; the kernel counts it, we tell it. */
  #countDrops(): void {
    const drops = kernelDrops(this.#socket.address())
    if (drops === undefined || drops <= this.#kernelDrops) return
    const labels = { input: this.name }
    this.#options.report({ name: 'input.kernel_dropped', labels, count: drops - this.#kernelDrops })
    this.#kernelDrops = drops
  }

  #askForBuffer(): void {
    const given = receiveBuffer(this.#socket)
    if (given >= RECEIVE_BUFFER_BYTES) return
    const detail = { bytes: given, advice: `sysctl -w net.core.rmem_max=${RECEIVE_BUFFER_BYTES}` }
    this.#options.report({ name: 'input.small_buffer', labels: { input: this.name }, detail })
  }
}

/** Asks for the receive buffer that is wished; the bytes that were given. */
function receiveBuffer(socket: Socket): number {
  for (let bytes = RECEIVE_BUFFER_BYTES; bytes >= 262_144; bytes /= 2) {
    try {
      socket.setRecvBufferSize(bytes)
      break
    } catch {
      // Some systems refuse what is too much instead of giving less: ask for half.
    }
  }
  // Linux doubles what was asked for, for its own book-keeping, and tells the double (socket(7)).
  const told = socket.getRecvBufferSize()
  return platform() === 'linux' ? told / 2 : told
}
