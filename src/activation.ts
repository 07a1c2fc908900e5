import type { Configured } from './configured.ts'
import type { Cancel, Timers } from './lib/clock.ts'
import type { RulesetOrigin } from './model/ruleset.ts'

/** Rules are often read in the middle of a pull, or before they are committed. */
const LOOK_AGAIN_MS = 10_000

export interface ActivationOptions {
  /** Never rejects, and never takes long. */
  readonly originOf: (paths: readonly string[]) => Promise<RulesetOrigin | null>
  readonly activate: (rules: Configured, origin: RulesetOrigin | null) => void
  readonly timers: Timers
}

/**
 * Takes rule sets into force with their origin, one after the other, in the order in which they
 * were read. One that is not as committed is looked at again until it is, or another one came; then
 * it is taken into force anew, which changes nothing but its origin.
 */
export class Activation {
  readonly #options: ActivationOptions
  #latest: Configured | undefined
  #last: Promise<void> = Promise.resolve()
  #cancel: Cancel = () => undefined

  constructor(options: ActivationOptions) {
    this.#options = options
  }

  /** Resolves when it is on its way to the threads. */
  add(rules: Configured): Promise<void> {
    this.#cancel()
    this.#latest = rules
    const origin = this.#options.originOf(rules.rulePaths)
    return this.#afterLast(async () => this.#take(rules, await origin))
  }

  /** Resolves when nothing is on its way any more. */
  stop(): Promise<void> {
    this.#latest = undefined
    this.#cancel()
    return this.#last
  }

  #afterLast(work: () => Promise<void>): Promise<void> {
    const last = this.#last
    this.#last = (async () => {
      await last
      await work()
    })()
    return this.#last
  }

  #take(rules: Configured, origin: RulesetOrigin | null): void {
    this.#options.activate(rules, origin)
    if (origin?.isDirty === true) this.#lookLater(rules)
  }

  #lookLater(rules: Configured): void {
    if (rules !== this.#latest) return
    this.#cancel = this.#options.timers.after(LOOK_AGAIN_MS, () => {
      void this.#afterLast(() => this.#lookAgain(rules))
    })
  }

  async #lookAgain(rules: Configured): Promise<void> {
    const origin = await this.#options.originOf(rules.rulePaths)
    if (rules !== this.#latest) return
    if (origin?.isDirty === true) this.#lookLater(rules)
    else if (origin !== null) this.#take(rules, origin)
  }
}
