import { once } from 'node:events'
import { connect } from 'node:net'

import { nextMillisecond, pacer, Pieces } from './pieces.ts'
import type { Sending } from './sending.ts'

/** About 64 KB, what one read of the receiver takes. */
const PIECE_MESSAGES = 150

/** One connection, messages ended by NUL, as Graylog's output sends them. */
export async function sendTcp(sending: Sending): Promise<number> {
  const pieces = new Pieces(sending)
  const due = pacer(sending.perSecond)
  const socket = connect(sending.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.setNoDelay(true)
  let sent = 0
  while (pieces.left > 0) {
    const piece = pieces.take(Math.min(due(sent), PIECE_MESSAGES))
    if (piece === undefined) {
      await nextMillisecond()
      continue
    }
    sent += piece.count
    if (!socket.write(piece.bytes)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'close')
  return sent
}
