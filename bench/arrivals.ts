import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A webhook as the receiver saw it: when its head arrived, by the receiver's clock. */
export interface Arrival {
  readonly atMs: number
  readonly body: string
}

/** Answers 200 to everything at once and notes when each request arrived. */
export async function startArrivals(): Promise<{
  readonly port: number
  readonly arrivals: readonly Arrival[]
  close(): Promise<void>
}> {
  const arrivals: Arrival[] = []
  const server = createServer((request, response) => {
    const atMs = Date.now()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.writeHead(200).end()
      arrivals.push({ atMs, body: Buffer.concat(chunks).toString() })
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    arrivals,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
