import type { UnverifiedRule } from '../../model/broken.ts'
import type { RuleStats } from '../../model/stats.ts'
import type { CompiledRuleset } from '../../rules/rule.ts'

/** Rules whose windows may be wrong (I13), as they are after the last entry that changed them. */
export class Unverified {
  readonly #rules = new Map<string, UnverifiedRule>()

  /** As the store had them. */
  restore(rules: readonly UnverifiedRule[]): void {
    this.#rules.clear()
    for (const rule of rules) this.#rules.set(rule.ruleId, rule)
  }

  all(): UnverifiedRule[] {
    return [...this.#rules.values()].sort((a, b) => (a.ruleId < b.ruleId ? -1 : 1))
  }

  has(ruleId: string): boolean {
    return this.#rules.has(ruleId)
  }

  /** Marks those of the rules that are in force, or all of them; since when one was, stays. */
  mark(
    { rules: inForce }: CompiledRuleset,
    { rules, sinceMs, cause }: { rules: readonly string[] | null; sinceMs: number; cause: string },
  ): void {
    for (const { id: ruleId, stateHash } of inForce) {
      if (rules !== null && !rules.includes(ruleId)) continue
      const former = this.#rules.get(ruleId)
      this.#rules.set(ruleId, { ruleId, stateHash, sinceMs: former?.sinceMs ?? sinceMs, cause })
    }
  }

  /** Somebody vouches for it; `false` when it was not marked. */
  confirm(ruleId: string): boolean {
    return this.#rules.delete(ruleId)
  }

  /**
   * A rule set comes into force: what was in doubt is gone with rules that were removed, have other
   * state, or whose state was built anew. Answers the ids of those that are no longer marked.
   */
  activated({ rules }: CompiledRuleset, rebuilt: readonly string[]): string[] {
    const inForce = new Map(rules.map(({ id, stateHash }) => [id, stateHash]))
    const gone = [...this.#rules.values()]
      .filter(({ ruleId, stateHash }) => {
        return inForce.get(ruleId) !== stateHash || rebuilt.includes(ruleId)
      })
      .map(({ ruleId }) => ruleId)
    for (const ruleId of gone) this.#rules.delete(ruleId)
    return gone
  }

  /** The rules' figures, with since when each is unverified. */
  withMarks(stats: readonly RuleStats[]): readonly RuleStats[] {
    if (this.#rules.size === 0) return stats
    return stats.map((rule) => {
      const mark = this.#rules.get(rule.ruleId)
      if (mark === undefined) return rule
      return { ...rule, unverified: { sinceMs: mark.sinceMs, cause: mark.cause } }
    })
  }
}
