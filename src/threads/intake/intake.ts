/**
 * The intake (design §4.5): sockets, framing and matching. Every slab goes to the journal and, as
 * matches, to the core; a rule set is switched between two slabs (I8). It touches neither windows
 * nor the database.
 */
import { gelfHttpSource } from '../../ingest/gelf/http.ts'
import type { GelfHttpOptions } from '../../ingest/gelf/http.ts'
import { gelfTcpSource } from '../../ingest/gelf/tcp.ts'
import { gelfUdpSource } from '../../ingest/gelf/udp.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import { SlabWriter } from '../../ingest/slab-writer.ts'
import type { ListeningSettings } from '../../ingest/graylog/settings.ts'
import { graylogWebhookSource } from '../../ingest/graylog/webhook.ts'
import type { JournalRequest } from '../../ingest/journal/journal.ts'
import type { Source } from '../../ingest/source.ts'
import type { Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { PartitionLink } from '../../model/partition.ts'
import type { Matches } from '../../model/matches.ts'
import { partitionId } from '../../model/slab.ts'
import type { Slab } from '../../model/slab.ts'
import { MatchStep } from '../../pipeline.ts'
import { LoadedRules } from '../core/loaded-rules.ts'
import type {
  CoreToIntake,
  FromJournal,
  InputSettings,
  ListeningInput,
  RulesMessage,
  ToCore,
  ToJournal,
} from '../messages.ts'
import type { Port } from '../ports.ts'
import { Drops } from './drops.ts'
import { LogInputs } from './log-inputs.ts'

export interface IntakeOptions {
  readonly thread: number
  readonly clock: Clock
  readonly timers: Timers
  readonly report: Report
  readonly journal: Port<ToJournal, FromJournal>
  readonly core: Port<ToCore, CoreToIntake>
  /** Checks a record's `_tocsin_self` marker (I12). */
  readonly verifySelf: (marker: string, material: string) => boolean
  /** An input cannot go on by itself. */
  readonly onFatal: (error: Error) => void
  /** Requests of all inputs that may be sent again, as the journal remembers them. */
  readonly requests: () => readonly JournalRequest[]
}

interface OpenInput {
  readonly name: string
  readonly partition: string
  readonly source: Source
  readonly writer: SlabWriter
  step: MatchStep
  /** When it is next told how many conditions were asked, ms UTC. */
  tellAskedMs: number
}

/** Telling it for every slab would cost as much as matching a small one. */
const TELL_ASKED_MS = 1_000

export class Intake {
  readonly #options: IntakeOptions
  readonly #inputs = new Map<string, OpenInput>()
  readonly #drops: Drops
  readonly #logs: LogInputs
  #rules: LoadedRules | undefined
  #unsettled = 0
  #onSettled: () => void = () => undefined

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#logs = new LogInputs({
      ...options,
      stepOf: (input) => this.#step(input),
      onSlab: (slab, matches) => this.#send(slab, matches),
    })
    this.#drops = new Drops({
      ...options,
      tell: (dropped) => options.core.post({ kind: 'dropped', dropped }),
    })
    options.journal.listen((message) => this.#settle(message))
    options.core.listen((message) => this.#logs.receive(message))
  }

  /** Switches to a rule set from the next slab on, and tells the core in the same order. */
  activate(message: RulesMessage): void {
    this.#rules = new LoadedRules(message.source)
    for (const input of this.#inputs.values()) {
      input.writer.cut()
      this.#tellAsked(input)
      input.step = this.#step(input.name)
    }
    this.#logs.renewSteps()
    this.#options.core.post(message)
  }

  /** Opens the inputs for this writer epoch. All listen, or none does. Needs a rule set. */
  async start(settings: readonly InputSettings[], epoch: number): Promise<ListeningInput[]> {
    const listening: ListeningInput[] = []
    const hasHttp = settings.some(({ type }) => type === 'gelf-http')
    const requests = hasHttp ? this.#options.requests() : []
    try {
      for (const setting of settings) {
        if (setting.type === 'kafka') {
          this.#logs.open(setting, epoch)
          continue
        }
        const input = this.#open(setting, epoch, requests)
        const address = await input.source.start()
        listening.push({ name: input.name, ...address })
        const labels = { input: input.name }
        this.#options.report({ name: 'input.listening', labels, detail: address })
      }
      // A log keeps what it has: nothing is missing of it for want of a listener.
      const own = settings.filter(({ type }) => type !== 'kafka')
      const inputs = own.map(({ name, type }) => ({
        partition: partitionId(name, epoch),
        hasConnections: type === 'gelf-tcp',
      }))
      this.#options.core.post({ kind: 'listens', inputs, atMs: this.#options.clock() })
      return listening
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  /** Stops accepting, hands over what the kernel holds and waits for the journal's answers. */
  async stop(): Promise<void> {
    await this.#close()
    const hungUpMs = this.#options.clock()
    if (this.#unsettled > 0) await new Promise<void>((resolve) => (this.#onSettled = resolve))
    this.#drops.flush()
    this.#options.core.post({ kind: 'hung_up', atMs: hungUpMs })
  }

  /** All at once: each may wait for its senders, and the end is due soon. */
  async #close(): Promise<void> {
    const inputs = [...this.#inputs.values()]
    await Promise.all([...inputs.map(({ source }) => source.stop()), this.#logs.stop()])
    for (const input of inputs) this.#tellAsked(input)
  }

  #open(setting: ListeningSettings, epoch: number, requests: readonly JournalRequest[]): OpenInput {
    const { clock, timers, report, thread, verifySelf } = this.#options
    const { name } = setting
    const partition = partitionId(name, epoch)
    const writer = new SlabWriter({
      partition,
      thread,
      clock,
      report,
      event: new GelfEvent({ verifySelf }),
      onRecord: (view, ordinal, maxTimeMs) => input.step.record(view, ordinal, maxTimeMs),
      onSlab: (slab, maxTimeMs) => {
        this.#send(slab, input.step.seal(slab, maxTimeMs))
        if (slab.receivedMs >= input.tellAskedMs) this.#tellAsked(input)
      },
      onAbort: () => input.step.abort(),
    })
    const source = openSource(setting, {
      sink: writer,
      report,
      clock,
      timers,
      onDropped: (count) => this.#drops.add(partition, count),
      onLink: (link) => {
        const change = { partition, link, atMs: clock() }
        this.#options.core.post({ kind: 'senders', change })
      },
      requests: requests.filter(({ input: of }) => of === name),
    })
    const step = this.#step(name)
    const input: OpenInput = { name, partition, source, writer, step, tellAskedMs: 0 }
    this.#inputs.set(partition, input)
    return input
  }

  #send(slab: Slab, matches: Matches): void {
    this.#unsettled++
    this.#options.journal.post({ kind: 'slab', slab })
    this.#options.core.post({ kind: 'matches', matches })
  }

  #step(input: string): MatchStep {
    if (this.#rules === undefined) throw new Error('an input needs a rule set before it opens')
    return new MatchStep(this.#rules.matcher(input), this.#rules.hash)
  }

  #tellAsked(input: OpenInput): void {
    input.tellAskedMs = this.#options.clock() + TELL_ASKED_MS
    const count = input.step.takeAsked()
    const labels = { input: input.name }
    if (count > 0) this.#options.report({ name: 'input.matched', labels, count })
  }

  #settle(message: FromJournal): void {
    if (message.kind !== 'durable' && message.kind !== 'refused') return
    const answer = message.kind === 'durable' ? message.durable : message
    const outcome = message.kind === 'durable' ? 'durable' : 'refused'
    this.#inputs.get(answer.partition)?.writer.settle(answer.seq, outcome)
    this.#logs.settle(answer.partition, outcome)
    this.#unsettled--
    if (this.#unsettled === 0) this.#onSettled()
  }
}

/** What HTTP has no room for is refused, and its sender keeps it: only the others drop anything. */
function openSource(
  setting: ListeningSettings,
  parts: Omit<GelfHttpOptions, keyof ListeningSettings> & {
    readonly onDropped: (count: number) => void
    readonly onLink: (link: PartitionLink) => void
  },
): Source {
  switch (setting.type) {
    case 'gelf-tcp':
      return gelfTcpSource({ ...setting, ...parts })
    case 'gelf-udp':
      return gelfUdpSource({ ...setting, ...parts })
    case 'gelf-http':
      return gelfHttpSource({ ...setting, ...parts })
    case 'graylog-webhook':
      return graylogWebhookSource({ ...setting, ...parts })
  }
}
