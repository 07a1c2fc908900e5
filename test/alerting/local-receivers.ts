import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'

import type { MadeCertificate } from './certificate.ts'

export interface LocalReceiver {
  readonly port: number
  /** Connections that were made to it. */
  connections(): number
  /** Connections that are still open. */
  open(): number
}

/** Starts receivers on this host and closes all of them at the end of a test. */
export class LocalReceivers {
  readonly #servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = []

  /** Speaks HTTP. */
  http(listener: RequestListener): Promise<LocalReceiver> {
    return this.#listen(createHttpServer(listener))
  }

  /** Speaks HTTP over TLS with this certificate. */
  https(certificate: MadeCertificate, listener: RequestListener): Promise<LocalReceiver> {
    return this.#listen(createHttpsServer(certificate, listener))
  }

  /** Does what it likes once the head of a request has come. */
  raw(behave: (socket: Socket) => void): Promise<LocalReceiver> {
    return this.#listen(
      createTcpServer((socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => behave(socket))
      }),
    )
  }

  /** A port on which nobody listens. */
  async closedPort(): Promise<number> {
    const { port } = await this.raw(() => undefined)
    await this.#close(this.#servers.pop()!)
    return port
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((entry) => this.#close(entry)))
  }

  async #listen(server: Server): Promise<LocalReceiver> {
    const sockets = new Set<Socket>()
    let connections = 0
    server.on('connection', (socket) => {
      connections += 1
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    })
    this.#servers.push({ server, sockets })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    return { port, connections: () => connections, open: () => sockets.size }
  }

  #close({ server, sockets }: { server: Server; sockets: Set<Socket> }): Promise<void> {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => {
      server.close(() => resolve())
    })
  }
}
