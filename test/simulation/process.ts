import type { Sender } from '../../src/alerting/sender.ts'
import { createSender } from '../../src/alerting/sender.ts'
import type { Receiver } from '../../src/alerting/settings.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { FencedError, StoreWriteError } from '../../src/model/commit.ts'
import type { CoreStore } from '../../src/model/commit.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { CoreClient } from '../../src/threads/core-client.ts'
import { Core } from '../../src/threads/core/core.ts'
import { decideWith } from '../../src/threads/core/decide-with.ts'
import type { LoadRules } from '../../src/threads/core/loaded-rules.ts'
import type {
  FromCore,
  FromIntake,
  FromRebuild,
  Routing,
  ToIntake,
  ToRebuild,
} from '../../src/threads/messages.ts'
import type { Port } from '../../src/threads/ports.ts'
import { RebuildDesk } from '../../src/threads/rebuild/rebuild-desk.ts'
import { Channel } from './channel.ts'
import type { SimulatedDatabase } from './database.ts'
import { DiskError } from './database.ts'
import { faultyStore } from './faulty-store.ts'
import type { StoreFaults } from './faulty-store.ts'
import { SimulatedIntake } from './intake.ts'
import type { MemoryJournal } from './memory-journal.ts'
import { MachineClock } from './process-clock.ts'
import type { ClockFaults } from './process-clock.ts'
import { Random } from './random.ts'
import { clockEntries } from '../support/rebuilder-here.ts'
import type { Receivers } from './receivers.ts'
import { ProcessTimers } from './scheduler.ts'
import type { Scheduler } from './scheduler.ts'

/** What all processes share: the machines they run on outlive them. */
export interface Surroundings {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly database: SimulatedDatabase
  readonly journal: MemoryJournal
  readonly receivers: Receivers
  readonly receiverList: readonly Receiver[]
  readonly routing: Routing
  readonly threads: number
  readonly slabMax: number
  readonly delayMs: number
  /** Of the next process. */
  readonly engineVersion: () => string
  readonly clockFaults: ClockFaults
  readonly storeFaults: () => StoreFaults & { readonly failing: number }
  readonly isStoreFull: () => boolean
  readonly load: LoadRules
  readonly rules: () => { readonly hash: string; readonly source: RulesetSource }
  readonly say: (line: string) => void
  /** Something that must never happen has happened. */
  readonly broken: (what: string) => void
  readonly committed: () => void
  readonly ended: () => void
  /** A process listens. */
  readonly serves: () => void
}

/** Thrown through the code of a process that was killed in the middle of a commit. */
class Killed extends Error {}

/** SQLite: busy, I/O error, full. */
const DISK_ERRORS = [5, 10, 13]

/** One Tocsin process: real core, sender and client; intake, journal and network simulated. */
export class SimulatedProcess {
  readonly number: number
  readonly clock: MachineClock
  readonly intake: SimulatedIntake
  client: CoreClient
  #around: Surroundings
  #state: 'running' | 'paused' | 'dead' = 'running'
  #isStopping = false
  #held: (() => void)[] = []
  #dies: 'before' | 'after' | undefined
  #sender: Sender | undefined
  readonly #core: Core
  readonly #random: Random
  readonly #timers: ProcessTimers

  constructor(number: number, around: Surroundings) {
    const { seed, scheduler, database, journal, say } = around
    this.number = number
    this.#around = around
    this.#random = new Random(seed, `process ${number}`)
    this.#timers = new ProcessTimers(scheduler, (task) => this.#gate(task))
    this.clock = new MachineClock(scheduler, this.#random, around.clockFaults)
    const engineVersion = around.engineVersion()
    const store = faultyStore(database.store({ before: this.#before, committed: this.#after }), {
      random: this.#random,
      sleep: (ms) => this.#timers.sleep(ms),
      faults: around.storeFaults,
      engineVersion,
    })
    this.intake = new SimulatedIntake({
      ...around,
      random: this.#random,
      gate: (task) => this.#gate(task),
      timers: this.#timers,
      clock: this.clock.now,
      toCore: (message) => this.#core.receive(message),
    })
    let listener: (message: FromCore) => void = () => undefined
    const fromCore = this.#channel<FromCore>((message) => listener(message))
    this.#core = new Core({
      store,
      journal: journal.reader(),
      event: new GelfEvent(),
      clock: this.clock.now,
      timers: this.#timers,
      engineVersion,
      loadRules: around.load,
      owner: `process ${number}`,
      decisions: decideWith(around.routing),
      rebuild: this.#spareThread(store),
      nearRecords: this.#random.between(0, 20),
      report: (occurrence) => this.#report(occurrence),
      span: (_name, _attributes, run) => run(),
      post: (message) => fromCore.post(message),
      toIntake: () => undefined,
      onFatal: (error) => this.#fail(error),
      yieldTo: () => this.#timers.sleep(0),
    })
    const toCore = this.#channel<Parameters<Core['receive']>[0]>((message) =>
      this.#core.receive(message),
    )
    const core = {
      post: toCore.post.bind(toCore),
      listen: (to: typeof listener) => (listener = to),
    }
    this.client = new CoreClient(
      {
        core: { ...core, close: () => undefined },
        journal: silentPort(),
        intakes: Array.from({ length: around.threads }, (_, thread) => this.#intakePort(thread)),
        end: () => Promise.resolve(),
      },
      { report: (occurrence) => this.#report(occurrence), fail: (error) => this.#fail(error) },
    )
    say(`process ${number} starts, engine ${engineVersion}`)
  }

  get isAlive(): boolean {
    return this.#state !== 'dead'
  }

  get isServing(): boolean {
    return this.#state === 'running' && this.intake.isListening && !this.#isStopping
  }

  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  async start(): Promise<void> {
    const { around, client } = { around: this.#around, client: this.client }
    // It rejects when the process fails, which says so itself.
    const ready = client.ready().catch(() => undefined)
    this.#core.start().catch((error: Error) => this.#fail(error))
    const epoch = await ready
    if (epoch === undefined || !this.isAlive) return
    const { source, hash } = around.rules()
    client.activate(source, hash)
    await client.open([], epoch)
    this.intake.listen(epoch)
    const sender = createSender({
      reader: around.database.outbox(),
      receivers: around.receiverList,
      egress: around.receivers.egress((ms) => this.#timers.sleep(ms)),
      clock: this.clock.now,
      timers: this.#timers,
      random: () => this.#random.next(),
      report: (occurrence) => this.#report(occurrence),
      attempted: (report) => client.attempted(report),
    })
    this.#sender = sender
    client.onDeliveries(() => sender.wake())
    sender.wake()
    around.say(`process ${this.number} serves epoch ${epoch}`)
    around.serves()
  }

  /** Deliveries under way. */
  get delivering(): number {
    return this.#sender?.inFlight() ?? 0
  }

  /** As on SIGTERM: takes nothing more, commits what has arrived, and goes. */
  async stop(): Promise<void> {
    if (!this.isServing) return
    this.#isStopping = true
    this.#around.say(`process ${this.number} stops`)
    await this.#sender?.stop()
    await this.#timers.sleep(4 * this.#around.delayMs)
    await this.#core.stop()
    this.kill('stopped')
  }

  kill(why: string): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    this.#around.say(`process ${this.number} ends: ${why}`)
    this.#around.ended()
  }

  /** Ends at the end of its next transaction, on this or that side of it. */
  killAtCommit(when: 'before' | 'after'): void {
    this.#dies = when
  }

  /** Stands still, as under a debugger or a paused machine, and knows nothing of it. */
  pause(forMs: number): void {
    if (this.#state !== 'running') return
    this.#state = 'paused'
    this.#around.say(`process ${this.number} is paused`)
    this.#around.scheduler.after(forMs, () => this.resume())
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    this.#around.say(`process ${this.number} goes on`)
    for (const task of this.#held.splice(0)) {
      this.#around.scheduler.after(0, () => this.#gate(task))
    }
  }

  #gate(task: () => void): void {
    if (this.#state === 'paused') this.#held.push(task)
    else if (this.#state === 'running') task()
  }

  readonly #before = (sql: 'BEGIN' | 'COMMIT'): void => {
    if (this.#state === 'dead') throw new Killed()
    if (sql === 'COMMIT' && this.#dies === 'before') {
      this.kill('killed before a commit')
      throw new Killed()
    }
    const { isStoreFull, storeFaults } = this.#around
    if (isStoreFull()) throw new DiskError(13)
    if (this.#random.chance(storeFaults().failing))
      throw new DiskError(this.#random.pick(DISK_ERRORS))
  }

  readonly #after = (): void => {
    this.#around.committed()
    if (this.#dies !== 'after') return
    this.kill('killed after a commit')
    throw new Killed()
  }

  #report({ name, detail }: Occurrence): void {
    if (!this.isAlive) return
    // Another version of the engine may answer otherwise.
    if (name === 'core.replay_differs') this.#around.say(`process ${this.number} differs`)
    if (name === 'core.invariant_broken') this.#around.broken(`${name}: ${JSON.stringify(detail)}`)
  }

  #fail(error: Error): void {
    if (!this.isAlive) return
    const isExpected = error instanceof FencedError || error instanceof StoreWriteError
    if (!isExpected) this.#around.broken(`process ${this.number} failed: ${error.stack}`)
    this.kill(error.message)
  }

  /** Rules and the order to open come over one channel, so no thread opens without rules. */
  #intakePort(thread: number): Port<ToIntake, FromIntake> {
    let listener: (message: FromIntake) => void = () => undefined
    const answers = this.#channel<FromIntake>((message) => listener(message))
    const channel = this.#channel<ToIntake>((message) => {
      if (message.kind === 'rules') this.intake.activate(thread, message)
      if (message.kind === 'open') answers.post({ kind: 'listening', inputs: [] })
    })
    return {
      post: (message) => channel.post(message),
      listen: (to) => void (listener = to),
      close: () => undefined,
    }
  }

  /** Reads the same journal and log as the core, and takes its time. */
  #spareThread(store: Pick<CoreStore, 'readLog'>): Port<ToRebuild, FromRebuild> {
    let listener: (message: FromRebuild) => void = () => undefined
    const answers = this.#channel<FromRebuild>((message) => listener(message))
    const desk = new RebuildDesk({
      open: () => ({
        journal: this.#around.journal.reader(),
        clockEntries: (from, to) => clockEntries(store, from, to),
        event: new GelfEvent(),
        yieldTo: () => this.#timers.sleep(this.#random.delay(this.#around.delayMs)),
        close: () => undefined,
      }),
      loadRules: this.#around.load,
      post: (message) => answers.post(message),
      onFatal: (error) => this.#fail(error),
    })
    const orders = this.#channel<ToRebuild>((message) => desk.receive(message))
    return {
      post: (message) => orders.post(message),
      listen: (to) => void (listener = to),
      close: () => undefined,
    }
  }

  #channel<T>(deliver: (message: T) => void): Channel<T> {
    return new Channel<T>({
      scheduler: this.#around.scheduler,
      random: this.#random,
      gate: (task) => this.#gate(task),
      deliver,
      meanMs: Math.min(5, this.#around.delayMs),
    })
  }
}

function silentPort(): Port<unknown, never> {
  return { post: () => undefined, listen: () => undefined, close: () => undefined }
}
