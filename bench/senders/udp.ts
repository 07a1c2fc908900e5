import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'

import { nextMillisecond, pacer, Pieces } from './pieces.ts'
import type { Sending } from './sending.ts'

/** Datagrams handed over before the sender yields: the kernel's buffer holds some hundred. */
const BURST = 64

/** One message per datagram, unchunked and plain. */
export async function sendUdp(sending: Sending): Promise<number> {
  const pieces = new Pieces(sending)
  const due = pacer(sending.perSecond)
  const socket = createSocket('udp4')
  socket.connect(sending.port, '127.0.0.1')
  await once(socket, 'connect')
  let sent = 0
  while (pieces.left > 0) {
    const burst: Promise<void>[] = []
    for (let room = Math.min(due(sent), BURST); room > 0; room--) {
      const piece = pieces.take(1)
      if (piece === undefined) break
      sent += piece.count
      // Without the NUL byte that ends a message in a stream.
      burst.push(sendOne(socket, piece.bytes.subarray(0, -1)))
    }
    await (burst.length > 0 ? Promise.all(burst) : nextMillisecond())
  }
  socket.close()
  return sent
}

function sendOne(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, (error) => (error === null ? resolve() : reject(error)))
  })
}
