/**
 * One life of a consumer, from its connection to its end:
 *
 *   1. A join pauses everything it assigned. The logs are read on when the group has taken a
 *      commit from us (we are a member), their ranges are known and the core has said where each
 *      goes on. A newer join makes the older one void.
 *   2. A batch is taken in slabs of bounded size; the next is filled when the journal holds the
 *      last. A refused slab is filled again.
 *   3. A batch that begins behind what we know of (retention, deleted records, a topic made anew)
 *      leads back to 1: the core finds out what is missing and says so.
 *   4. What is journalled and not evaluated is bounded: above the bound reading pauses.
 *   5. An end is for good. What the client still calls afterwards has no effect.
 */
import type { Cancel, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { LogSink } from '../source.ts'
import { Intaken } from './intaken.ts'
import { KafkaFault } from './kafka-client.ts'
import type { KafkaBatch, KafkaClient, TopicFound, TopicPartition } from './kafka-client.ts'
import { logName } from './kafka-host.ts'
import type { KafkaHost, KafkaLog } from './kafka-host.ts'
import { LogPosition } from './log-position.ts'
import type { KafkaRecord } from './record.ts'
import type { SlabFiller } from './slab-filler.ts'
import { Watchdog } from './watchdog.ts'

const TICK_MS = 500
/** Topics are looked at as often: lag, new ids. */
const LOOK_TICKS = 10
/** Offsets are committed every second. */
const COMMIT_TICKS = 2
/** While a slab waits for the journal. */
const HEARTBEAT_MS = 1_000
/** How often a jump or a step back may be answered without a record in between. */
const REPEATS_MAX = 3
const REFUSED_WAIT_MS = [100, 500, 1_000, 2_000] as const

export interface SessionOptions {
  readonly input: string
  readonly topics: readonly string[]
  /** Where a topic begins that was never read. */
  readonly start: 'earliest' | 'latest'
  readonly client: KafkaClient
  readonly host: KafkaHost
  /** A new one for each partition: what it counts belongs to one slab. */
  readonly filler: (topic: string) => SlabFiller
  readonly timers: Timers
  readonly report: Report
}

/** A log that is read. */
interface OpenLog extends TopicPartition {
  readonly log: string
  readonly position: LogPosition
  readonly sink: LogSink
  readonly filler: SlabFiller
  high: number
  repeats: number
}

export class KafkaSession {
  readonly #options: SessionOptions
  readonly #watchdog = new Watchdog()
  readonly #ended = Promise.withResolvers<KafkaFault | undefined>()
  readonly #intaken: Intaken
  #open = new Map<string, OpenLog>()
  #assigned: readonly TopicPartition[] = []
  #topicIds: ReadonlyMap<string, string> = new Map()
  #generation = 0
  #isOver = false
  #isPaused = false
  #isLooking = false
  #ticks = 0
  #stopTicks: Cancel = () => undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#intaken = new Intaken(() => this.#resume())
  }

  /** Runs until it is stopped (`undefined`) or cannot go on. */
  async run(): Promise<KafkaFault | undefined> {
    const { client, topics, timers } = this.#options
    this.#stopTicks = timers.every(TICK_MS, () => this.#tick())
    this.#start(client, topics).catch((error: unknown) => this.#fail(error))
    const reason = await this.#ended.promise
    this.#stopTicks()
    return reason
  }

  /** Ends it: nothing that still comes is taken. */
  stop(): void {
    this.#end(undefined)
  }

  /** The core has evaluated a log up to there. */
  evaluated(log: string, offset: number): void {
    this.#intaken.evaluated(log, offset)
  }

  async #start(client: KafkaClient, topics: readonly string[]): Promise<void> {
    await client.connect()
    // Credentials and rights show only now; and which topics there are.
    await client.describe(topics)
    await client.run(topics, {
      joined: (partitions) => this.#joined(partitions),
      rebalancing: () => {
        this.#watchdog.rebalancing()
        this.#options.report({
          name: 'kafka.rebalancing',
          labels: { input: this.#options.input },
        })
      },
      heartbeat: () => this.#watchdog.heartbeat(),
      crashed: (error) => this.#fail(error),
      skipped: (place) => this.#open.get(keyOf(place))?.position.skipped(place.offset),
      batch: (batch) => this.#take(batch),
    })
  }

  #joined(partitions: readonly TopicPartition[]): void {
    if (this.#isOver) return
    this.#watchdog.joined()
    this.#assigned = partitions
    const { input } = this.#options
    const detail = { partitions: partitions.length }
    this.#options.report({ name: 'kafka.joined', labels: { input }, detail })
    this.#openLogs()
  }

  /** Stops reading, then asks again where each log goes on. */
  #openLogs(): void {
    const generation = ++this.#generation
    this.#open = new Map()
    if (this.#assigned.length === 0) return
    this.#options.client.pause(this.#assigned)
    this.#claim(generation).catch((error: unknown) => {
      if (generation === this.#generation) this.#fail(error)
    })
  }

  async #claim(generation: number): Promise<void> {
    const { client, host, topics } = this.#options
    const found = await client.describe(topics)
    const logs = this.#assigned.flatMap((place) => this.#logOf(place, found))
    await client.commit(logs.slice(0, 1).map(({ low, ...place }) => this.#proof(place, low)))
    if (this.#isVoid(generation)) return
    const offsets = await host.openLogs(
      logs.map(({ log, low, high, start }) => {
        return { log, low, high, start }
      }),
    )
    if (this.#isVoid(generation)) return
    this.#topicIds = new Map(found.map(({ topic, id }) => [topic, id]))
    for (const { topic, partition, log, high } of logs) {
      const offset = offsets[log]!
      const position = new LogPosition(offset)
      const sink = host.sink(log)
      const filler = this.#options.filler(topic)
      const open = { topic, partition, log, high, position, sink, filler, repeats: 0 }
      this.#open.set(keyOf(open), open)
      client.seek({ topic, partition, offset })
    }
    this.#isPaused = false
    client.resume(logs)
    this.#watchdog.progress()
    this.#tellLink()
    const detail = { offsets }
    this.#options.report({ name: 'kafka.opened', labels: { input: this.#options.input }, detail })
  }

  #logOf(
    { topic, partition }: TopicPartition,
    found: readonly TopicFound[],
  ): (KafkaLog & TopicPartition)[] {
    const its = found.find((one) => one.topic === topic)
    const range = its?.partitions.find((one) => one.partition === partition)
    if (its === undefined || range === undefined) return []
    const { low, high } = range
    const start = this.#options.start === 'earliest' ? low : high
    return [{ topic, partition, log: logName(topic, its.id, partition), low, high, start }]
  }

  /** Where the group believes one partition to be, so that the proof moves nothing it shows. */
  #proof({ topic, partition, log }: TopicPartition & { readonly log: string }, low: number) {
    return { topic, partition, offset: this.#intaken.evaluatedOf(log) ?? low }
  }

  #isVoid(generation: number): boolean {
    return this.#isOver || generation !== this.#generation
  }

  async #take(batch: KafkaBatch): Promise<void> {
    const open = this.#open.get(keyOf(batch))
    if (open === undefined || !this.#isCurrent(open, batch)) return
    const plan = open.position.plan(batch.fetchedOffset)
    if (plan !== 'take') {
      this.#correct(open, plan)
      return
    }
    if (!(await this.#isOfSameTopic(open, batch)) || !this.#isCurrent(open, batch)) return
    open.high = batch.highWatermark
    for (let from = 0; from < batch.records.length && this.#isCurrent(open, batch);) {
      const to = await this.#slab(open, batch, from)
      if (to === undefined) return
      from = to
      await batch.heartbeat()
      if (this.#pauseWhenFull()) return
    }
  }

  /**
   * Offsets say nothing of a topic that was made anew under its name: those read last may well be
   * of the new one. The id that its leader has after the fetch is the one that was read.
   */
  async #isOfSameTopic(open: OpenLog, batch: KafkaBatch): Promise<boolean> {
    try {
      const id = await this.#whileBeating(batch, this.#options.client.topicId(batch))
      if (id === this.#topicIds.get(batch.topic)) return true
      if (this.#isCurrent(open, batch)) this.#openLogs()
    } catch (error) {
      // Not taken and not resolved: it is fetched again.
      this.#tellTrouble(error)
      await this.#whileBeating(batch, this.#after(REFUSED_WAIT_MS[0]))
    }
    return false
  }

  /** One slab from a record on; the record after it, or `undefined` when reading ended meanwhile. */
  async #slab(open: OpenLog, batch: KafkaBatch, from: number): Promise<number | undefined> {
    const { filler } = open
    for (let refused = 0; ; refused++) {
      await this.#whileBeating(batch, open.sink.ready())
      if (!this.#isCurrent(open, batch)) return undefined
      const to = filler.fill(open.sink, batch.records, from)
      const offset = offsetAfter(batch, to)
      const bytes = open.sink.bytes
      const outcome = await this.#whileBeating(batch, open.sink.seal(offset))
      if (outcome === 'durable') {
        filler.tell()
        open.position.durable(offset)
        open.repeats = 0
        this.#watchdog.progress()
        this.#intaken.add(open.log, offset, bytes)
        if (!this.#isCurrent(open, batch)) return undefined
        batch.resolve(offset - 1)
        return to
      }
      this.#options.report({ name: 'input.paused', labels: { input: this.#options.input } })
      const waitMs = REFUSED_WAIT_MS[Math.min(refused, REFUSED_WAIT_MS.length - 1)]!
      await this.#whileBeating(batch, this.#after(waitMs))
      if (!this.#isCurrent(open, batch)) return undefined
    }
  }

  #correct(open: OpenLog, plan: 'behind' | 'jump'): void {
    open.repeats++
    if (open.repeats > REPEATS_MAX) {
      const what = `offset ${open.position.next} of ${open.log} cannot be reached`
      this.#end(new KafkaFault('protocol', what))
      return
    }
    const { topic, partition, position } = open
    if (plan === 'behind') this.#options.client.seek({ topic, partition, offset: position.next })
    else this.#openLogs()
  }

  #isCurrent(open: OpenLog, batch: KafkaBatch): boolean {
    return !this.#isOver && this.#open.get(keyOf(open)) === open && batch.isCurrent()
  }

  /** A member that waits for the disk is still a member. */
  async #whileBeating<T>(batch: KafkaBatch, waiting: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = waiting.finally(() => {
      isSettled = true
    })
    for (;;) {
      await Promise.race([settled, this.#after(HEARTBEAT_MS)])
      if (isSettled) return await settled
      // A rebalance shows here as an error; the slab's answer is waited for all the same.
      await batch.heartbeat().catch(() => undefined)
    }
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.timers.after(ms, resolve))
  }

  #pauseWhenFull(): boolean {
    if (!this.#isPaused && !this.#intaken.isFull) return false
    if (!this.#isPaused) {
      this.#isPaused = true
      this.#options.client.pause([...this.#open.values()])
      this.#options.report({ name: 'input.paused', labels: { input: this.#options.input } })
    }
    return true
  }

  #resume(): void {
    if (!this.#isPaused || this.#isOver) return
    this.#isPaused = false
    this.#watchdog.progress()
    this.#options.client.resume([...this.#open.values()])
  }

  #tick(): void {
    this.#ticks++
    if (this.#isPaused || this.#open.size === 0 || this.#lag() === 0) this.#watchdog.progress()
    const lasting = this.#watchdog.tick(TICK_MS)
    if (lasting !== undefined) this.#end(new KafkaFault('watchdog', lasting))
    if (this.#isOver || this.#open.size === 0) return
    if (this.#ticks % COMMIT_TICKS === 0) void this.#commit()
    if (this.#ticks % LOOK_TICKS === 0) void this.#look()
  }

  async #commit(): Promise<void> {
    const places = [...this.#open.values()].flatMap(({ topic, partition, log }) => {
      const offset = this.#intaken.evaluatedOf(log)
      return offset === undefined ? [] : [{ topic, partition, offset }]
    })
    if (places.length === 0) return
    // Advisory: what fails here shows at the next heartbeat too, and nothing depends on it.
    await this.#options.client.commit(places).catch((error: unknown) => this.#tellTrouble(error))
  }

  /** How far the logs are ahead of us, and whether they are still the same. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const generation = this.#generation
      const found = await this.#options.client.describe(this.#options.topics)
      if (this.#isVoid(generation)) return
      for (const { topic, id, partitions } of found) {
        if (this.#topicIds.get(topic) !== id) return this.#openLogs()
        for (const { partition, high } of partitions) {
          const open = this.#open.get(keyOf({ topic, partition }))
          if (open !== undefined) open.high = Math.max(open.high, high)
        }
      }
      this.#tellLink()
    } catch (error) {
      this.#tellTrouble(error)
    } finally {
      this.#isLooking = false
    }
  }

  #lag(): number {
    let lag = 0
    for (const { high, position } of this.#open.values()) lag += Math.max(0, high - position.seen)
    return lag
  }

  #tellLink(): void {
    const lags = [...this.#open.values()].map(({ log, high, position }) => {
      return [log, Math.max(0, high - position.seen)] as const
    })
    this.#options.host.tellLink(true, Object.fromEntries(lags))
  }

  #tellTrouble(error: unknown): void {
    const { input } = this.#options
    const detail = { message: (error as Error).message }
    this.#options.report({ name: 'kafka.trouble', labels: { input }, detail })
  }

  #fail(error: unknown): void {
    const fault =
      error instanceof KafkaFault
        ? error
        : new KafkaFault('protocol', (error as Error).message, error)
    this.#end(fault)
  }

  #end(fault: KafkaFault | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#generation++
    this.#open = new Map()
    this.#ended.resolve(fault)
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** The offset to read next once the records before `to` are taken: holes behind them included. */
function offsetAfter(
  {
    records,
    lastOffset,
  }: { readonly records: readonly KafkaRecord[]; readonly lastOffset: number },
  to: number,
): number {
  return to < records.length ? records[to]!.offset : lastOffset + 1
}
