import type { CommandRequest, CommandResult } from '../model/command.ts'
import { FencedError, InvariantError } from '../model/commit.ts'
import type { Report } from '../model/occurrence.ts'
import type { AttemptReport } from '../model/outbox.ts'
import type { ActiveRuleset, RulesetOrigin, RulesetSource } from '../model/ruleset.ts'
import type { CoreStats } from '../model/stats.ts'
import type {
  ConfirmRequest,
  FailedMessage,
  FromCore,
  InputSettings,
  ListeningInput,
  Routing,
  RulesMessage,
} from './messages.ts'
import type { Threads } from './threads.ts'

/** Commands and reports that wait for their commit; more are refused (I2). */
const WAITING_MAX = 10_000

/**
 * Main's view of the other threads: asks by message, answers by promise. A thread that fails ends
 * the service by `fail`.
 */
export class CoreClient {
  readonly #threads: Threads
  readonly #report: Report
  readonly #fail: (error: Error) => void
  readonly #ready = Promise.withResolvers<number>()
  readonly #stopped = new Map<unknown, PromiseWithResolvers<void>>()
  readonly #listening: PromiseWithResolvers<readonly ListeningInput[]>[] = []
  readonly #commands = new Map<string, (result: CommandResult) => void>()
  readonly #attempts = new Map<string, () => void>()
  readonly #confirmations = new Map<string, (wasUnverified: boolean) => void>()
  #activations = 0
  /** Announced, and still wanted by the core as far as it has told. */
  #announced: RulesMessage[] = []
  #onDeliveries: () => void = () => undefined
  #stats: CoreStats | undefined
  #active: ActiveRuleset | undefined

  constructor(
    threads: Threads,
    tell: { readonly report: Report; readonly fail: (error: Error) => void },
  ) {
    this.#threads = threads
    this.#report = tell.report
    this.#fail = tell.fail
    threads.core.listen((message) => this.#fromCore(message))
    threads.journal.listen((message) => {
      if (message.kind === 'occurrence') this.#report(message.occurrence)
      else if (message.kind === 'failed') this.#failed(message)
      else if (message.kind === 'stopped') this.#stopped.get(threads.journal)?.resolve()
    })
    for (const [thread, intake] of threads.intakes.entries()) {
      intake.listen((message) => {
        if (message.kind === 'occurrence') this.#report(message.occurrence)
        else if (message.kind === 'failed') this.#failed(message)
        else if (message.kind === 'stopped') this.#stopped.get(intake)?.resolve()
        else this.#listening[thread]?.resolve(message.inputs)
      })
    }
  }

  /** The epoch, once the core has claimed its shard and run the kept log again. */
  ready(): Promise<number> {
    return this.#ready.promise
  }

  get stats(): CoreStats | undefined {
    return this.#stats
  }

  /** The rule set that the core evaluates; `undefined` before the first. */
  get active(): ActiveRuleset | undefined {
    return this.#active
  }

  /** Called whenever new deliveries were committed. */
  onDeliveries(listener: () => void): void {
    this.#onDeliveries = listener
  }

  /**
   * Switches every intake, and through them the core, to a rule set: at once for the first, which
   * the inputs need to open, else when the core has prepared it. A newer one takes its place.
   */
  activate(source: RulesetSource, hash: string, origin: RulesetOrigin | null = null): void {
    const order = this.#activations++
    const message = { kind: 'rules', hash, order, source, origin } as const
    if (order === 0) {
      this.#switch(message)
      return
    }
    this.#announced.push(message)
    this.#threads.core.post({ ...message, kind: 'announce' })
  }

  route(routing: Routing): void {
    this.#threads.core.post({ kind: 'routing', routing })
  }

  /** Opens the inputs, dealt to the intake threads; all listen or it rejects. */
  async open(
    dealt: readonly (readonly InputSettings[])[],
    epoch: number,
  ): Promise<readonly ListeningInput[]> {
    const waiting = this.#threads.intakes.map((intake, thread) => {
      const listening = Promise.withResolvers<readonly ListeningInput[]>()
      this.#listening[thread] = listening
      intake.post({ kind: 'open', inputs: dealt[thread] ?? [], epoch })
      return listening.promise
    })
    return (await Promise.all(waiting)).flat()
  }

  /** Resolves when the commit that applied the command returned. */
  command(request: CommandRequest): Promise<CommandResult> {
    if (this.#commands.size >= WAITING_MAX) {
      const message = 'too many commands are waiting; try again in a moment'
      return Promise.resolve({ id: request.id, ok: false, reason: 'unavailable', message })
    }
    return new Promise((resolve) => {
      this.#commands.set(request.id, resolve)
      this.#threads.core.post({ kind: 'command', request })
    })
  }

  /** Somebody vouches for a rule. Resolves once that is committed; `false`: it was not in doubt. */
  confirm(request: ConfirmRequest): Promise<boolean> {
    return new Promise((resolve) => {
      this.#confirmations.set(request.id, resolve)
      this.#threads.core.post({ kind: 'confirm', request })
    })
  }

  /** Resolves when the attempt is written down. */
  attempted(report: AttemptReport): Promise<void> {
    return new Promise((resolve) => {
      this.#attempts.set(report.deliveryId, resolve)
      this.#threads.core.post({ kind: 'attempt', report })
    })
  }

  stopIntake(): Promise<void> {
    return this.#stop(this.#threads.intakes)
  }

  /** After the intake: the journal writes what waits, then the core commits it. */
  async stop(): Promise<void> {
    await this.#stop([this.#threads.journal])
    await this.#stop([this.#threads.core])
  }

  #switch(message: RulesMessage): void {
    for (const intake of this.#threads.intakes) intake.post(message)
  }

  #prepared(order: number): void {
    const message = this.#announced.find((announced) => announced.order === order)
    this.#forget(order + 1)
    if (message !== undefined) this.#switch(message)
  }

  #forget(below: number): void {
    this.#announced = this.#announced.filter(({ order }) => order >= below)
  }

  async #stop(ports: readonly { post(message: { readonly kind: 'stop' }): void }[]): Promise<void> {
    await Promise.all(
      ports.map((port) => {
        const stopped = Promise.withResolvers<void>()
        this.#stopped.set(port, stopped)
        port.post({ kind: 'stop' })
        return stopped.promise
      }),
    )
  }

  #fromCore(message: FromCore): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.resolve(message.epoch)
        break
      case 'occurrence':
        this.#report(message.occurrence)
        break
      case 'failed':
        this.#failed(message)
        break
      case 'stopped':
        this.#stopped.get(this.#threads.core)?.resolve()
        break
      case 'result':
        this.#commands.get(message.result.id)?.(message.result)
        this.#commands.delete(message.result.id)
        break
      case 'confirmed':
        this.#confirmations.get(message.id)?.(message.wasUnverified)
        this.#confirmations.delete(message.id)
        break
      case 'committed':
        for (const id of message.attempted) {
          this.#attempts.get(id)?.()
          this.#attempts.delete(id)
        }
        if (message.deliveries > 0) this.#onDeliveries()
        break
      case 'announced':
        this.#forget(message.order)
        break
      case 'prepared':
        this.#prepared(message.order)
        break
      case 'active':
        this.#active = { hash: message.hash, origin: message.origin }
        this.#report({ name: 'rules.activated', detail: { hash: message.hash, ...message.origin } })
        break
      case 'retain':
        this.#threads.journal.post(message)
        break
      case 'stats':
        this.#stats = message.stats
        break
    }
  }

  /** A start or stop that waits for the thread ends with it; afterwards the service ends. */
  #failed({ message, isFenced, isBroken }: FailedMessage): void {
    const error = isFenced
      ? new FencedError(message)
      : isBroken === true
        ? new InvariantError(message)
        : new Error(message)
    this.#report({ name: 'service.failed', detail: { error: message } })
    this.#ready.reject(error)
    for (const listening of this.#listening) listening.reject(error)
    for (const stopped of this.#stopped.values()) stopped.resolve()
    this.#fail(error)
  }
}
