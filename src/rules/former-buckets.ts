/** Rules that may leave stored state behind before the oldest are forgotten (I2). */
const RULES_MAX = 20_000

/** A rule as state knows it. */
interface StateName {
  readonly ruleId: string
  readonly stateHash: string
}

/**
 * Buckets that may still be stored of rules that are no longer in force. A state hash that comes
 * back begins empty, so those must be written again, or a later start would take them for state
 * of its new life.
 */
export class FormerBuckets {
  readonly #numbers = new Map<string, ReadonlySet<number>>()
  #hasForgotten = false

  add(name: StateName, buckets: Iterable<number>): void {
    const key = keyOf(name)
    const numbers = new Set([...(this.#numbers.get(key) ?? []), ...buckets])
    if (numbers.size === 0) return
    this.#numbers.delete(key)
    this.#numbers.set(key, numbers)
    const [oldest] = this.#numbers.keys()
    if (this.#numbers.size <= RULES_MAX || oldest === undefined) return
    this.#numbers.delete(oldest)
    this.#hasForgotten = true
  }

  /** The rule is in force again; every one of `buckets` when what it left is no longer known. */
  take(name: StateName, buckets: number): Iterable<number> {
    const key = keyOf(name)
    const known = this.#numbers.get(key)
    this.#numbers.delete(key)
    if (known !== undefined) return known
    return this.#hasForgotten ? Array.from({ length: buckets }, (_, number) => number) : []
  }
}

function keyOf({ ruleId, stateHash }: StateName): string {
  return JSON.stringify([ruleId, stateHash])
}
