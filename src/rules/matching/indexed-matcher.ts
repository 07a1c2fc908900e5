import type { EventView } from '../../model/event.ts'
import type { MatchBuilder } from '../../model/match-builder.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { CompiledRuleset } from '../rule.ts'
import { ConditionCompiler } from './compile-condition.ts'
import { ConditionIndex } from './condition-index.ts'
import type { EventReader } from './event-reader.ts'
import { addMatch, countEvent, inputRules, type InputRules } from './input-rules.ts'
import type { Matcher } from './matcher.ts'

/**
 * The matcher that the service and a backtest use: it answers as the plain one does, which stays
 * its reference, and asks only the rules whose equalities the event can satisfy, and those that
 * have none. `input` keeps the rules and counters that read it, all when undefined.
 */
export function createIndexedMatcher(
  ruleset: CompiledRuleset,
  input: string | undefined,
  fields: Readonly<Record<string, FieldType>>,
): Matcher {
  return new IndexedMatcher(ruleset, input, fields)
}

class IndexedMatcher implements Matcher {
  readonly #of: InputRules
  /** Over the rules, then the counters. */
  readonly #index: ConditionIndex
  readonly #reader: EventReader

  constructor(
    ruleset: CompiledRuleset,
    input: string | undefined,
    fields: Readonly<Record<string, FieldType>>,
  ) {
    const compiler = new ConditionCompiler(fields)
    this.#of = inputRules(ruleset, input, compiler)
    this.#index = new ConditionIndex([...this.#of.rules, ...this.#of.counters], compiler)
    this.#reader = compiler.reader()
  }

  get asked(): number {
    return this.#index.asked
  }

  match(view: EventView, ordinal: number, maxTimeMs: number, out: MatchBuilder): void {
    if (view.isOwn) return
    const reader = this.#reader
    const { rules, counters } = this.#of
    reader.start(view)
    for (const number of this.#index.satisfied(reader)) {
      if (number < rules.length) {
        addMatch(rules[number]!, view, { ordinal, maxTimeMs }, out)
        continue
      }
      const counter = counters[number - rules.length]!
      countEvent(counter, view, counter.bad(reader), out)
    }
  }
}
