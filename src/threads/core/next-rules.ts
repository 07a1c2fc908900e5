import type { AnnouncedRules, RulesMessage } from '../messages.ts'
import type { LoadedRules, LoadRules } from './loaded-rules.ts'

/** A rule set on its way into force, compiled. */
export interface Wanted {
  readonly message: AnnouncedRules | RulesMessage
  readonly rules: LoadedRules
}

/**
 * Rule sets that are to come into force, of which only the newest is wanted:
 *
 *   1. One that is announced is prepared; then main is told, and the intake threads switch.
 *   2. From being told until it is in force nothing newer is wanted, or edits that come faster than
 *      they can be prepared would never come into force.
 *   3. One that the intake threads switched to unasked, as at a start, comes before one that is
 *      announced, unless it takes time to prepare.
 */
export class NextRules {
  readonly #load: LoadRules
  /** The newest that an intake thread has switched to. */
  #switched: RulesMessage | undefined
  #isPostponed = false
  #announced: AnnouncedRules | undefined
  #told: AnnouncedRules | undefined
  #wanted: Wanted | undefined
  #lastOrder = -1

  constructor(load: LoadRules) {
    this.#load = load
  }

  /** Every intake thread passes each on: the first counts, and none that is older. */
  receive(message: AnnouncedRules | RulesMessage): void {
    if (message.kind === 'announce') {
      if (message.order > (this.#announced?.order ?? this.#lastOrder)) this.#announced = message
      return
    }
    if (message.order <= this.#lastOrder) return
    this.#lastOrder = message.order
    this.#switched = message
  }

  /** Matches of this rule set may be of use soon. */
  isNear(hash: string): boolean {
    return this.#switched?.hash === hash
  }

  /** Throws a `ProblemError` when it cannot be compiled, which main has tried before. */
  wanted(): Wanted | undefined {
    const message = this.#newest()
    if (message === undefined) this.#wanted = undefined
    else if (this.#wanted?.message.order !== message.order) {
      this.#wanted = { message, rules: this.#load(message.source) }
    }
    return this.#wanted
  }

  /** What is wanted is not prepared yet: one that is newer may take its place. */
  postpone(): void {
    this.#isPostponed = true
  }

  /**
   * What is wanted is prepared. Answers the rule set to bring into force now, or `tell`s main,
   * once, that the intake threads may switch to it.
   */
  prepared(tell: (order: number) => void): RulesMessage | undefined {
    const message = this.#newest()
    if (message?.kind === 'announce') {
      if (this.#told === undefined) tell(message.order)
      this.#told = message
      return undefined
    }
    this.#told = undefined
    this.#switched = undefined
    this.#isPostponed = false
    this.#wanted = undefined
    return message
  }

  #newest(): AnnouncedRules | RulesMessage | undefined {
    const [switched, told] = [this.#switched, this.#told]
    if (told !== undefined) return (switched?.order ?? -1) < told.order ? told : switched
    if (switched !== undefined && !this.#isPostponed) return switched
    const announced = this.#announced
    return (announced?.order ?? -1) > (switched?.order ?? this.#lastOrder) ? announced : switched
  }
}
