import type { Receiver } from '../../src/alerting/settings.ts'
import { Secret } from '../../src/lib/secret.ts'
import { SimulatedDatabase } from './database.ts'
import { Invariants } from './invariants.ts'
import { MemoryJournal } from './memory-journal.ts'
import type { Action } from './nemesis.ts'
import { People } from './people.ts'
import { SimulatedProcess } from './process.ts'
import type { Surroundings } from './process.ts'
import { Random } from './random.ts'
import { RuleBook } from './rule-book.ts'
import { Receivers } from './receivers.ts'
import { Scheduler } from './scheduler.ts'
import type { Swarm } from './swarm.ts'
import type { Trace } from './trace.ts'
import { gelf, trafficOf } from './traffic.ts'
import type { Message } from './traffic.ts'

export const RECEIVERS = ['hook', 'pager']

const PROCEDURE = {
  critical: 'full',
  high: 'full',
  medium: 'light',
  low: 'record',
  info: 'record',
} as const

/** Everything there is: machines, disks, devices, people and what befalls them. */
export class World {
  readonly scheduler = new Scheduler()
  readonly journal = new MemoryJournal()
  readonly database: SimulatedDatabase
  readonly receivers: Receivers
  readonly people: People
  readonly invariants: Invariants
  readonly failures: string[] = []
  readonly rules: RuleBook
  readonly processes: SimulatedProcess[] = []
  readonly swarm: Swarm
  commits = 0
  readonly #seed: number
  readonly #trace: Trace
  readonly #random: Random
  readonly #silent = new Map<string, number>()
  #waiting: Message[] = []
  #storeFullUntilMs = 0
  #isCalm = false

  constructor(seed: number, swarm: Swarm, database: SimulatedDatabase, trace: Trace) {
    this.#seed = seed
    this.swarm = swarm
    this.database = database
    this.#trace = trace
    this.#random = new Random(seed, 'world')
    this.rules = new RuleBook(swarm.rules)
    this.receivers = new Receivers({
      random: new Random(seed, 'receivers'),
      nowMs: () => this.scheduler.nowMs,
      told: (line) => this.say(line),
      faults: () => ({ failing: this.#isCalm ? 0 : swarm.receiverFailing }),
      mayBeGone: swarm.mayBeGone ? 'pager' : null,
    })
    this.invariants = new Invariants(database.sql, this.rules, (what) => this.broken(what))
    this.people = new People(this)
  }

  say(line: string): void {
    this.#trace.say(this.scheduler.nowMs, line)
  }

  broken(what: string): void {
    this.say(`BROKEN ${what}`)
    this.failures.push(`${(this.scheduler.nowMs / 1000).toFixed(3)} s: ${what}`)
  }

  /** A process that people and devices reach now. */
  serving(): readonly SimulatedProcess[] {
    return this.processes.filter((process) => process.isServing)
  }

  startProcess(): SimulatedProcess {
    const process = new SimulatedProcess(this.processes.length, this.#surroundings())
    this.processes.push(process)
    process.start().catch((error: Error) => this.broken(`a start failed: ${error.stack}`))
    return process
  }

  /** Traffic, nemesis and people, until the run's length is over. */
  async run(plan: readonly Action[]): Promise<void> {
    const { scheduler, swarm } = this
    this.startProcess()
    for (const message of trafficOf(swarm, new Random(this.#seed, 'traffic'))) {
      scheduler.at(message.atMs, () => this.#send(message))
    }
    for (const action of plan) scheduler.at(action.atMs, () => this.#act(action))
    await scheduler.runUntil(swarm.lengthMs)
  }

  /**
   * Faults stop; a last restart reads what zombies left behind; the clocks go on until every
   * window is settled and every receiver has had its turn.
   */
  async calmDown(): Promise<void> {
    this.#isCalm = true
    this.#storeFullUntilMs = 0
    this.journal.isFull = false
    this.#silent.clear()
    for (const name of RECEIVERS) this.receivers.down(name, 0)
    for (const process of this.processes) process.resume()
    await this.#pass(8_000)
    for (const process of this.processes) process.kill('restarted')
    this.startProcess()
    await this.#pass(8_000)
    for (let round = 0; round < 2; round++) {
      this.#step(3 * 3_600_000)
      for (const { name } of this.swarm.rules.inputs) this.#send(this.#flush(name))
      // What came too late is read back about now: the first time, somebody trips over the cable.
      if (round === 0) this.#killSoon()
      await this.#pass(4_000)
      // Slow channels and a slow store may take longer with the last of it; what is stuck stays so.
      for (let second = 0; second < 30 && this.#isBehind(); second++) await this.#pass(1_000)
    }
    for (let day = 0; day < 5 && this.#pending() > 0; day++) {
      this.#step(86_400_000)
      await this.#pass(70_000)
    }
  }

  #killSoon(): void {
    const process = this.serving()[0]
    const when = this.#random.pick(['before', 'after', 'between'] as const)
    this.scheduler.after(this.#random.between(0, 300), () => {
      if (when === 'between') process?.kill('killed at the end')
      else process?.killAtCommit(when)
    })
  }

  async #pass(ms: number): Promise<void> {
    await this.scheduler.runUntil(this.scheduler.nowMs + ms)
  }

  #step(byMs: number): void {
    for (const process of this.processes) process.clock.step(byMs)
  }

  /** Whether something that was accepted is not evaluated yet. */
  #isBehind(): boolean {
    const next = this.database.sql.prepare('SELECT next FROM "partition" WHERE id = ?')
    return this.journal
      .partitions()
      .some(
        (held) => (next.get(held.partition) as { next: number } | undefined)?.next !== held.next,
      )
  }

  #pending(): number {
    const row = this.database.sql
      .prepare("SELECT count(*) AS n FROM outbox WHERE state = 'pending'")
      .get() as { n: number }
    return row.n
  }

  /** Traffic that matches nothing and only shows how late it is. */
  #flush(input: string): Message {
    const timeMs = this.serving()[0]?.clock.now() ?? null
    return { atMs: this.scheduler.nowMs, input, bytes: gelf({ kind: 'flush' }, timeMs) }
  }

  #send(message: Message): void {
    if ((this.#silent.get(message.input) ?? 0) > this.scheduler.nowMs) return
    const serving = this.serving()
    if (serving.length === 0) {
      // The device keeps it and connects again: nobody has accepted it yet.
      this.#waiting.push(message)
      return
    }
    const process = this.#random.chance(0.8) ? serving.at(-1)! : this.#random.pick(serving)
    process.intake.take(message.input, message.bytes)
  }

  #connectAgain(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const message of waiting) this.#send(message)
    if (this.#waiting.length > 0) this.scheduler.after(500, () => this.#connectAgain())
  }

  #act(action: Action): void {
    const { scheduler } = this
    this.say(`nemesis ${JSON.stringify(action)}`)
    const alive = this.processes.filter((process) => process.isAlive)
    const target = alive[action.number % Math.max(alive.length, 1)]
    switch (action.kind) {
      case 'crash':
        return target?.kill('killed')
      case 'stop':
        target?.stop().catch((error: Error) => this.broken(`a stop failed: ${error.stack}`))
        return
      case 'crash-at-commit':
        return target?.killAtCommit(action.when)
      case 'pause':
        target?.pause(action.forMs)
        if (action.takeOver && alive.length < 3) {
          scheduler.after(action.forMs / 2, () => this.startProcess())
        }
        return
      case 'take-over':
        if (alive.length < 3) this.startProcess()
        return
      case 'store-full':
        this.#storeFullUntilMs = Math.max(this.#storeFullUntilMs, scheduler.nowMs + action.forMs)
        return
      case 'journal-full':
        this.journal.isFull = true
        scheduler.after(action.forMs, () => (this.journal.isFull = false))
        return
      case 'clock-step':
        return target?.clock.step(action.byMs)
      case 'receiver-down':
        return this.receivers.down(action.receiver, scheduler.nowMs + action.forMs)
      case 'input-silent':
        this.#silent.set(action.input, scheduler.nowMs + action.forMs)
        return
      case 'stall':
        return target?.intake.stall(scheduler.nowMs + action.forMs)
      case 'damage':
        for (const { intake } of alive) intake.stall(scheduler.nowMs + action.forMs)
        scheduler.after(action.forMs, () => this.#damage(action))
        return
      case 'people':
        return this.people.act(action)
      case 'edit-title':
      case 'edit-threshold':
      case 'edit-window':
      case 'add-rule':
      case 'remove-rule':
        return this.#edit(action)
    }
  }

  /**
   * The power goes, and of what nobody has evaluated yet the journal has lost some. Its end is
   * there: what came after it would be written to another partition.
   */
  #damage({ number, share }: Action & { readonly kind: 'damage' }): void {
    for (const process of this.processes) process.kill('the power goes')
    const random = new Random(this.#seed, `damage ${number}`)
    const rows = this.database.sql.prepare('SELECT id, next FROM "partition"').all()
    const evaluated = new Map(rows.map(({ id, next }) => [String(id), Number(next)]))
    for (const { partition } of this.journal.partitions()) {
      const waiting = this.journal
        .batches(partition)
        .filter(({ first }) => first >= (evaluated.get(partition) ?? 0))
      for (const { first } of waiting.slice(0, -1)) {
        if (!random.chance(share)) continue
        this.journal.lose(partition, first)
        this.say(`the journal loses ${partition}:${first}`)
      }
    }
  }

  #edit(action: Action): void {
    if (!this.rules.edit(action)) return
    const { source, hash } = this.rules.now
    for (const process of this.serving()) process.client.activate(source, hash)
  }

  #surroundings(): Surroundings {
    const { scheduler, swarm, database, journal, receivers } = this
    const { storeFailing, ...store } = { ...swarm.store, storeFailing: swarm.store.failing }
    return {
      seed: this.#seed,
      scheduler,
      database,
      journal,
      receivers,
      receiverList: RECEIVERS.map(receiverOf),
      routing: {
        receivers: [
          { name: 'hook', severityAtLeast: null, labels: {} },
          { name: 'pager', severityAtLeast: 'medium', labels: {} },
        ],
        procedure: PROCEDURE,
        baseUrl: 'https://tocsin.example.org',
        graylogUrl: null,
      },
      threads: swarm.threads,
      slabMax: swarm.slabMax,
      delayMs: swarm.delayMs,
      engineVersion: () => (swarm.deploys ? this.#random.pick(['old', 'new']) : 'old'),
      clockFaults: swarm.clock,
      storeFaults: () =>
        this.#isCalm
          ? { latencyMs: 1, lostReply: 0, slow: 0, failing: 0 }
          : { ...store, failing: storeFailing },
      isStoreFull: () => scheduler.nowMs < this.#storeFullUntilMs,
      load: this.rules.load,
      rules: () => this.rules.now,
      say: (line) => this.say(line),
      broken: (what) => this.broken(what),
      committed: () => {
        this.commits++
        this.say(this.invariants.check())
      },
      ended: () => this.#ended(),
      serves: () => this.#connectAgain(),
    }
  }

  /** Somebody starts another one when none is left. */
  #ended(): void {
    this.scheduler.after(this.#random.between(200, 3_000), () => {
      if (!this.processes.some((process) => process.isAlive && !process.isPaused)) {
        this.startProcess()
      }
    })
  }
}

function receiverOf(name: string): Receiver {
  return {
    name,
    url: `https://${name}.example.org/in`,
    secrets: [new Secret(`whsec_${Buffer.alloc(32, name).toString('base64')}`)],
    schedule: 'urgent',
    timeoutMs: 15_000,
    allow: { http: false, addresses: [], ports: [] },
    severityAtLeast: name === 'pager' ? 'medium' : null,
    labels: {},
  }
}
