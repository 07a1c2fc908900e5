import type { EventView } from '../../model/event.ts'
import type { MatchBuilder } from '../../model/match-builder.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { CompiledRuleset } from '../rule.ts'
import { ConditionCompiler } from './compile-condition.ts'
import type { EventReader } from './event-reader.ts'
import { addMatch, countEvent, inputRules, type InputRules } from './input-rules.ts'
import type { Matcher } from './matcher.ts'

/**
 * The matcher that asks every rule about every event: simple enough to be the reference for the
 * index over many rules. `input` keeps the rules and counters that read it, all when undefined.
 */
export function createPlainMatcher(
  ruleset: CompiledRuleset,
  input: string | undefined,
  fields: Readonly<Record<string, FieldType>>,
): Matcher {
  return new PlainMatcher(ruleset, input, fields)
}

class PlainMatcher implements Matcher {
  asked = 0
  readonly #of: InputRules
  readonly #reader: EventReader

  constructor(
    ruleset: CompiledRuleset,
    input: string | undefined,
    fields: Readonly<Record<string, FieldType>>,
  ) {
    const compiler = new ConditionCompiler(fields)
    this.#of = inputRules(ruleset, input, compiler)
    this.#reader = compiler.reader()
  }

  match(view: EventView, ordinal: number, maxTimeMs: number, out: MatchBuilder): void {
    if (view.isOwn) return
    const reader = this.#reader
    const { rules, counters } = this.#of
    reader.start(view)
    this.asked += rules.length + counters.length
    for (const rule of rules) {
      if (rule.test(reader)) addMatch(rule, view, { ordinal, maxTimeMs }, out)
    }
    for (const counter of counters) {
      if (counter.test(reader)) countEvent(counter, view, counter.bad(reader), out)
    }
  }
}
