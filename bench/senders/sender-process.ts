/** Entry point of a sender's process: takes one order, sends, answers, ends. */
import { sendHttp } from './http.ts'
import type { Sending } from './sending.ts'
import { sendTcp } from './tcp.ts'
import { sendUdp } from './udp.ts'

const SENDERS = { tcp: sendTcp, udp: sendUdp, http: sendHttp } as const

process.once('message', (order) => void carryOut(order as Sending))

/** A failure ends the process unanswered, which the other side takes for what it is. */
async function carryOut(sending: Sending): Promise<void> {
  const startMs = performance.now()
  const count = await SENDERS[sending.transport](sending)
  const wallS = (performance.now() - startMs) / 1_000
  process.send!({ count, wallS }, () => process.disconnect())
}
