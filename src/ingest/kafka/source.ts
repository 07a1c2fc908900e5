import type { Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { KafkaClient, KafkaFault } from './kafka-client.ts'
import type { KafkaHost } from './kafka-host.ts'
import type { Decode } from './record.ts'
import { KafkaSession } from './session.ts'
import { SlabFiller } from './slab-filler.ts'

/** Between two lives of the consumer. */
const AGAIN_MS = [200, 1_000, 2_000, 5_000] as const
/** A life of so long was a good one: the next failure is tried again at once. */
const GOOD_LIFE_TICKS = 60
const TICK_MS = 1_000
/** kafkajs may hang when it leaves: what is not closed by then is left behind, without effect. */
const LEAVE_MS = 5_000
/** Consumers that were left behind; with more the process has to be restarted (I2). */
const LEFT_BEHIND_MAX = 20

export interface KafkaSourceOptions {
  readonly input: string
  /** Topics with what reads their records. */
  readonly topics: ReadonlyMap<string, Decode>
  readonly start: 'earliest' | 'latest'
  /** Makes a client; one for each life of the consumer. */
  readonly openClient: () => KafkaClient
  readonly host: KafkaHost
  readonly timers: Timers
  readonly report: Report
  /** It cannot go on by itself. */
  readonly onFatal: (error: Error) => void
}

/**
 * Topics of one Kafka cluster as an input. Runs consumers one after the other: whatever ends one
 * (a broker away, an error, a watchdog), the next begins where the core stands. It never fails for
 * what may pass: a cluster that is away at the start is waited for, and said.
 */
export class KafkaSource {
  readonly #options: KafkaSourceOptions
  readonly #stopping = Promise.withResolvers<void>()
  #session: KafkaSession | undefined
  #running: Promise<void> | undefined
  #leftBehind = 0
  #isStopping = false

  constructor(options: KafkaSourceOptions) {
    this.#options = options
  }

  get input(): string {
    return this.#options.input
  }

  start(): void {
    this.#options.host.tellLink(false, {})
    this.#running = this.#run().catch((error: unknown) => this.#options.onFatal(error as Error))
  }

  /** Takes nothing more; resolves when the group is left, or soon after that hangs. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#session?.stop()
    this.#stopping.resolve()
    await this.#running
  }

  /** The core has evaluated a log up to there. */
  evaluated(log: string, offset: number): void {
    this.#session?.evaluated(log, offset)
  }

  async #run(): Promise<void> {
    const { report, input, host } = this.#options
    for (let failures = 0; !this.#isStopping;) {
      const { fault, isGood } = await this.#live()
      if (fault === undefined) return
      host.tellLink(false, {})
      failures = isGood ? 0 : failures + 1
      const waitMs = AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]!
      const detail = { message: fault.message, retryMs: waitMs }
      report({ name: 'kafka.failed', labels: { input, reason: fault.reason }, detail })
      await Promise.race([this.#after(waitMs), this.#stopping.promise])
    }
  }

  /** One life; `undefined` when it was stopped. */
  async #live(): Promise<{ readonly fault: KafkaFault | undefined; readonly isGood: boolean }> {
    const { input, topics, start, openClient, host, timers, report } = this.#options
    const client = openClient()
    this.#session = new KafkaSession({
      input,
      topics: [...topics.keys()],
      start,
      client,
      host,
      filler: (topic) => new SlabFiller({ input, decode: topics.get(topic)!, report }),
      timers,
      report,
    })
    let ticks = 0
    const stopTicks = timers.every(TICK_MS, () => ticks++)
    const fault = await this.#session.run()
    stopTicks()
    this.#session = undefined
    await this.#leave(client)
    return { fault, isGood: ticks >= GOOD_LIFE_TICKS }
  }

  async #leave(client: KafkaClient): Promise<void> {
    const left = client.disconnect().then(
      () => true,
      // What cannot be closed is closed already, or dies with its connections.
      () => true,
    )
    if (await Promise.race([left, this.#after(LEAVE_MS).then(() => false)])) return
    this.#leftBehind++
    void left.then(() => this.#leftBehind--)
    if (this.#leftBehind <= LEFT_BEHIND_MAX) return
    throw new Error(`${this.#leftBehind} Kafka consumers of ${this.input} did not close`)
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.timers.after(ms, resolve))
  }
}
