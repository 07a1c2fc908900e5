import type { Egress, EgressRequest, EgressResult } from '../../src/alerting/egress.ts'
import type { Random } from './random.ts'

export interface ReceiverFaults {
  /** Share of attempts that go wrong, one way or the other. */
  readonly failing: number
}

/** One request that a receiver took in, whatever it answered. */
export interface Seen {
  readonly atMs: number
  readonly receiver: string
  readonly id: string
  readonly body: string
}

/** The people's other systems: they work, fail, hang, forget to answer, and want nothing more. */
export class Receivers {
  /** Taken in for good, in order. */
  readonly seen: Seen[] = []
  /** Receivers that answered 410 at least once. */
  readonly gone = new Set<string>()
  readonly #parts
  readonly #down = new Map<string, number>()

  constructor(parts: {
    readonly random: Random
    readonly nowMs: () => number
    /** Called for every attempt, with what became of it. */
    readonly told: (line: string) => void
    readonly faults: () => ReceiverFaults
    /** The receiver that may answer 410. */
    readonly mayBeGone: string | null
  }) {
    this.#parts = parts
  }

  down(receiver: string, untilMs: number): void {
    this.#down.set(receiver, untilMs)
  }

  /** The way out of one process, on its own timers. */
  egress(sleep: (ms: number) => Promise<void>): Egress {
    return { sendSigned: (request) => this.#take(request, sleep) }
  }

  async #take(request: EgressRequest, sleep: (ms: number) => Promise<void>): Promise<EgressResult> {
    const { random, nowMs, faults } = this.#parts
    const receiver = new URL(request.url).hostname.split('.')[0]!
    const id = request.headers['webhook-id']!
    await sleep(random.delay(30))
    const isDown = (this.#down.get(receiver) ?? 0) > nowMs()
    const fault = isDown || random.chance(faults().failing) ? random.between(0, 8) : -1
    this.#parts.told(`${receiver} gets ${id}: ${fault}`)
    switch (fault) {
      case 0:
        return answer(500)
      case 1:
        return answer(429, '3')
      case 2:
        await sleep(request.timeoutMs)
        return { kind: 'failure', reason: 'timeout', detail: 'no answer in time' }
      case 3:
        return { kind: 'failure', reason: 'network', detail: 'connection refused' }
      case 4:
        return { kind: 'failure', reason: 'egressRefused', detail: 'a private address' }
      case 5:
        return answer(random.pick([301, 400, 401, 404, 503]))
      case 6:
        if (receiver !== this.#parts.mayBeGone) return answer(503)
        this.gone.add(receiver)
        return answer(410)
      default:
        this.seen.push({ atMs: nowMs(), receiver, id, body: request.body })
        await sleep(random.delay(20))
        // Processed, and the answer was lost.
        if (fault > 0) return { kind: 'failure', reason: 'network', detail: 'connection reset' }
        return answer(204)
    }
  }
}

function answer(status: number, retryAfter: string | null = null): EgressResult {
  return { kind: 'answer', status, retryAfter, bodyStart: '' }
}
