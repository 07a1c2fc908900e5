/**
 * Load in a process of its own: posts batches of records at a steady rate, whoever listens, and
 * remembers which were answered 202. Forked; spoken to by {@link startFire}.
 */
import { fork } from 'node:child_process'

/** What is sent by one of the senders, again and again. */
export interface Fire {
  readonly senders: number
  /** Records of one request. */
  readonly batch: number
  /** Of all senders together. */
  readonly recordsPerSecond: number
}

export interface FireResult {
  /** `_ref` of every batch that was answered 202. */
  readonly accepted: readonly string[]
  /** While there was a service to send to. */
  readonly recordsPerSecond: number
}

type ToFire =
  | { readonly kind: 'begin'; readonly fire: Fire }
  | { readonly kind: 'port'; readonly port: number | null }
  | { readonly kind: 'end' }

export interface RunningFire {
  /** Where the service listens now; `null` when it is known to be gone. */
  aim(port: number | null): void
  end(): Promise<FireResult>
}

export function startFire(fire: Fire): RunningFire {
  const child = fork(import.meta.filename, { stdio: 'inherit' })
  const result = new Promise<FireResult>((resolve, reject) => {
    child.on('message', (message) => resolve(message as FireResult))
    child.on('exit', (code, signal) => reject(new Error(`the sender ended (${code ?? signal})`)))
  })
  const post = (message: ToFire): void => void child.send(message)
  post({ kind: 'begin', fire })
  return {
    aim: (port) => post({ kind: 'port', port }),
    async end() {
      post({ kind: 'end' })
      return result
    },
  }
}

/** One record of a batch, as a line. */
function line(sender: number, ref: string, nth: number): string {
  const fields = `"_sender":"s${sender}","_ref":"${ref}","_nth":${nth}`
  return `{"version":"1.1","host":"web","short_message":"m",${fields}}`
}

class Sender {
  readonly accepted: string[] = []
  #port: number | null = null
  #isOn = true
  readonly #fire: Fire
  #aimedMs = 0
  #sinceMs = 0

  constructor(fire: Fire) {
    this.#fire = fire
  }

  aim(port: number | null): void {
    const nowMs = performance.now()
    if (this.#port !== null) this.#aimedMs += nowMs - this.#sinceMs
    this.#port = port
    this.#sinceMs = nowMs
  }

  stop(): void {
    this.#isOn = false
  }

  get recordsPerSecond(): number {
    return (this.accepted.length * this.#fire.batch * 1_000) / this.#aimedMs
  }

  async run(sender: number): Promise<void> {
    const { batch, senders, recordsPerSecond } = this.#fire
    const everyMs = (batch * senders * 1_000) / recordsPerSecond
    let dueMs = performance.now() + (sender * everyMs) / senders
    let nth = 0
    while (this.#isOn) {
      const waitMs = dueMs - performance.now()
      // One that is behind goes on at once, but does not make up for what nobody took.
      if (waitMs > 0) await new Promise((resolve) => void setTimeout(resolve, waitMs))
      dueMs = Math.max(dueMs, performance.now() - everyMs) + everyMs
      if (this.#port === null) continue
      const ref = `${sender}-${nth++}`
      if (await this.#post(sender, ref)) this.accepted.push(ref)
    }
  }

  async #post(sender: number, ref: string): Promise<boolean> {
    const records = Array.from({ length: this.#fire.batch }, (_, nth) => line(sender, ref, nth))
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/gelf`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: records.join('\n'),
      })
      await answer.arrayBuffer()
      return answer.status === 202
    } catch {
      // Killed: the batch may be in the journal or not, nobody was told.
      return false
    }
  }
}

async function end(sender: Sender, running: readonly Promise<void>[]): Promise<void> {
  await Promise.all(running)
  const { accepted, recordsPerSecond } = sender
  const result: FireResult = { accepted, recordsPerSecond }
  process.send!(result, () => process.disconnect())
}

if (import.meta.main) {
  let sender: Sender | undefined
  let running: Promise<void>[] = []
  process.on('message', (message: ToFire) => {
    if (message.kind === 'begin') {
      const started = new Sender(message.fire)
      sender = started
      running = Array.from({ length: message.fire.senders }, (_, nth) => started.run(nth))
    } else if (message.kind === 'port') sender?.aim(message.port)
    else {
      sender?.stop()
      sender?.aim(null)
      void end(sender!, running)
    }
  })
}
