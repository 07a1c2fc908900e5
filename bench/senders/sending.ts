/**
 * A sender runs in a process of its own, so that what it costs is not charged to what is
 * measured: {@link startSender} forks `sender-process.ts` and speaks to it by messages.
 */
import { fork } from 'node:child_process'
import { join } from 'node:path'

export interface Sending {
  readonly transport: 'tcp' | 'udp' | 'http'
  readonly port: number
  readonly count: number
  /** Messages a second; flat out when `null`. UDP has no flow control, so it needs one. */
  readonly perSecond: number | null
  /** Messages until they repeat; default 8,000. */
  readonly distinct?: number
  /** HTTP only: messages of one request. */
  readonly perRequest?: number
  /**
   * Every this many messages, one carries the field `_marked` with a value of its own
   * (`m0`, `m1`, …) and `_sent_ms`, our clock when it was handed to the socket.
   */
  readonly markEvery?: number
}

export interface Sent {
  readonly count: number
  readonly wallS: number
}

/** Sends and resolves once everything is handed to the kernel (HTTP: answered). */
export function startSender(sending: Sending): Promise<Sent> {
  const child = fork(join(import.meta.dirname, 'sender-process.ts'), { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('message', (sent) => resolve(sent as Sent))
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      // After the answer this says nothing any more.
      reject(new Error(`the ${sending.transport} sender ended (${code ?? signal})`))
    })
    child.send(sending)
  })
}
