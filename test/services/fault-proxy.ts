import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** Chunks that wait for their time in one direction; then the sender is not read any more. */
const WAITING_MAX = 256

export interface Faults {
  /** Everything arrives so much later, in each direction, ms. */
  readonly latencyMs: number
  /** Connections stay open and nothing gets through, until this is false again. */
  readonly blackHole: boolean
  /** New connections are reset. */
  readonly refuse: boolean
}

const NONE: Faults = { latencyMs: 0, blackHole: false, refuse: false }

interface Connection {
  readonly client: Socket
  readonly server: Socket
}

/**
 * A TCP proxy that does to connections what networks do: makes them slow, silent, cut or half
 * closed. Bytes of one direction never overtake each other, so TLS stays valid. Faults may change at
 * any time and hold for open connections too.
 */
export class FaultProxy {
  readonly port: number
  readonly #server: Server
  readonly #open: Set<Connection>
  readonly #state: { faults: Faults; changed: () => void }
  readonly #counts: { total: number }

  private constructor(
    server: Server,
    parts: {
      readonly open: Set<Connection>
      readonly state: { faults: Faults; changed: () => void }
      readonly counts: { total: number }
    },
  ) {
    this.#server = server
    this.#open = parts.open
    this.#state = parts.state
    this.#counts = parts.counts
    this.port = (server.address() as AddressInfo).port
  }

  /** Listens on 127.0.0.1 (a free port, or the one given) and passes on to the target there. */
  static async start(target: { readonly port: number }, port = 0): Promise<FaultProxy> {
    const open = new Set<Connection>()
    const waiting = new Set<() => void>()
    const state = {
      faults: NONE,
      changed: () => {
        for (const wake of waiting) wake()
      },
    }
    const counts = { total: 0 }
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      client.on('error', () => undefined)
      if (state.faults.refuse) {
        client.resetAndDestroy()
        return
      }
      counts.total++
      const upstream = connect({
        port: target.port,
        host: '127.0.0.1',
        allowHalfOpen: true,
        noDelay: true,
      })
      const connection = { client, server: upstream }
      open.add(connection)
      for (const socket of [client, upstream]) {
        const other = socket === client ? upstream : client
        socket.on('error', () => other.resetAndDestroy())
        socket.on('close', () => {
          other.destroy()
          open.delete(connection)
        })
        void passOn(socket, other, () => state.faults, waiting)
      }
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(server, { open, state, counts })
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size
  }

  /** Connections that were ever taken. */
  get total(): number {
    return this.#counts.total
  }

  /** These faults from now on, and no others. */
  set(faults: Partial<Faults>): void {
    this.#state.faults = { ...NONE, ...faults }
    this.#state.changed()
  }

  /** Resets every open connection, in both directions. */
  cut(): void {
    for (const { client, server } of this.#open) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  /** Says to every client that nothing more will come; what they send is still passed on. */
  halfClose(): void {
    for (const { client } of this.#open) client.end()
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }
}

/** One direction: each chunk at its time, in order, then the end. */
async function passOn(
  from: Socket,
  to: Socket,
  faults: () => Faults,
  waiting: Set<() => void>,
): Promise<void> {
  const chunks: { readonly bytes: Buffer; readonly atMs: number }[] = []
  let isEnded = false
  let wake: () => void = () => undefined
  from.on('data', (bytes: Buffer) => {
    chunks.push({ bytes, atMs: performance.now() })
    if (chunks.length >= WAITING_MAX) from.pause()
    wake()
  })
  from.on('end', () => {
    isEnded = true
    wake()
  })
  from.on('close', () => wake())
  const isOver = () => from.destroyed || to.destroyed
  const untilWoken = async (limitMs?: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    wake = resolve
    waiting.add(resolve)
    const timer = limitMs === undefined ? undefined : setTimeout(resolve, limitMs)
    await promise
    clearTimeout(timer)
    waiting.delete(resolve)
  }
  while (!isOver()) {
    const next = chunks[0]
    if (next === undefined && isEnded && !faults().blackHole) {
      to.end()
      return
    }
    if (next === undefined || faults().blackHole) {
      await untilWoken()
      continue
    }
    const leftMs = next.atMs + faults().latencyMs - performance.now()
    if (leftMs > 0) {
      await untilWoken(leftMs)
      continue
    }
    chunks.shift()
    if (chunks.length < WAITING_MAX / 2) from.resume()
    if (!to.writableEnded && !to.write(next.bytes)) {
      await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined)
    }
  }
}
