/** Raw messages to the three GELF inputs, as any sender's bytes. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createConnection } from 'node:net'

/** Posts one body; resolves with the status. */
export async function postGelf(port: number, body: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/gelf`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  })
  await answer.arrayBuffer()
  return answer.status
}

/** Sends whole frames over one connection and closes it. */
export async function sendTcp(port: number, messages: readonly string[]): Promise<void> {
  const socket = createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.end(messages.map((message) => `${message}\0`).join(''))
  socket.resume()
  await once(socket, 'close')
}

/** Sends each message as one datagram. */
export async function sendUdp(port: number, messages: readonly string[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const message of messages) {
    await new Promise<void>((resolve, reject) => {
      socket.send(message, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
    })
  }
  socket.close()
}

/** A GELF message as text; `more` as its additional fields, underscores included. */
export function gelf(message: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ version: '1.1', host: 'web-1', short_message: message, ...more })
}
