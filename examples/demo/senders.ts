import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

/** Sends GELF messages to one input over a real socket. */
export interface GelfSender {
  send(message: Readonly<Record<string, string | number>>): Promise<void>
  close(): Promise<void>
}

/** GELF over TCP: one connection, each message ends in a NUL byte. */
export async function tcpSender(port: number): Promise<GelfSender> {
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject)
  })
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        socket.write(`${JSON.stringify(message)}\0`, (error) => (error ? reject(error) : resolve()))
      }),
    close: () => new Promise((resolve) => void socket.end(resolve)),
  }
}

/** GELF over UDP: one message per datagram, as it is. */
export function udpSender(port: number): GelfSender {
  const socket = createSocket('udp4')
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        const bytes = Buffer.from(JSON.stringify(message))
        socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
      }),
    close: () => new Promise((resolve) => void socket.close(resolve)),
  }
}
