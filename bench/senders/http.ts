import { Agent, request } from 'node:http'

import { nextMillisecond, pacer, Pieces } from './pieces.ts'
import type { Sending } from './sending.ts'

/** Requests under way at once, each on a connection that is kept. */
const CONNECTIONS = 4

/** Bulk requests of one message per line; one that is not answered with 202 ends it. */
export async function sendHttp(sending: Sending): Promise<number> {
  const { port, perSecond, perRequest = 500 } = sending
  const pieces = new Pieces(sending)
  const due = pacer(perSecond)
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  let sent = 0
  const sendOn = async (): Promise<void> => {
    while (pieces.left > 0) {
      const piece = due(sent) < 1 ? undefined : pieces.take(perRequest)
      if (piece === undefined) {
        await nextMillisecond()
        continue
      }
      sent += piece.count
      await post(agent, port, linesOf(piece.bytes))
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, sendOn))
  agent.destroy()
  return sent
}

/** A line feed instead of the NUL byte behind each message. */
function linesOf(bytes: Buffer): Buffer {
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) bytes[at] = 0x0a
  return bytes
}

function post(agent: Agent, port: number, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length }
    const options = { agent, host: '127.0.0.1', port, path: '/gelf', method: 'POST', headers }
    const sending = request(options, (answer) => {
      answer.resume()
      answer.on('end', () => {
        if (answer.statusCode === 202) resolve()
        else reject(new Error(`the service answered ${answer.statusCode}`))
      })
    })
    sending.on('error', reject)
    sending.end(body)
  })
}
