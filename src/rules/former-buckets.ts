/** Rules that may leave stored state behind before the oldest are forgotten (I2). */
const RULES_MAX = 20_000

/**
 * Buckets that may still be stored of rules that are no longer in force. A state hash that comes
 * back begins empty, so those must be written again, or a later start would take them for state
 * of its new life.
 */
export class FormerBuckets {
  readonly #numbers = new Map<string, ReadonlySet<number>>()
  #hasForgotten = false

  add(name: { readonly ruleId: string; readonly stateHash: string }, buckets: Iterable<number>): void {
    const key = keyOf(name)
    const numbers = new Set([...(this.#numbers.get(key) ?? []), ...buckets])
    if (numbers.size === 0) return
    this.#numbers.delete(key)
    this.#numbers.set(key, numbers)
    if (this.#numbers.size <= RULES_MAX) return
    for (const oldest of this.#numbers.keys()) {
      this.#numbers.delete(oldest)
      break
    }
    this.#hasForgotten = true
  }

  /** The rule is in force again. All `buckets` when what it left is no longer known. */
  take(
    name: { readonly ruleId: string; readonly stateHash: string },
    buckets: number,
  ): Iterable<number> {
    const key = keyOf(name)
    const known = this.#numbers.get(key)
    this.#numbers.delete(key)
    if (known !== undefined) return known
    return this.#hasForgotten ? Array.from({ length: buckets }, (_, number) => number) : []
  }
}

function keyOf(name: { readonly ruleId: string; readonly stateHash: string }): string {
  return JSON.stringify([name.ruleId, name.stateHash])
}
