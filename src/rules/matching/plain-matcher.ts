import type { EventView } from '../../model/event.ts'
import { groupKey, NO_GROUP, type GroupKey } from '../../model/group.ts'
import type { MatchBuilder } from '../../model/match-builder.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { CompiledRuleset } from '../rule.ts'
import { ConditionCompiler, type EventTest } from './compile-condition.ts'
import type { EventReader } from './event-reader.ts'
import type { Matcher } from './matcher.ts'

const MINUTE_MS = 60_000

interface CompiledRule {
  readonly number: number
  readonly test: EventTest
  readonly groupBy: readonly string[]
  readonly isByReceipt: boolean
}

interface CompiledCounter {
  readonly number: number
  readonly total: EventTest
  readonly bad: EventTest
  readonly groupBy: readonly string[]
}

/**
 * The matcher that asks every rule about every event: simple enough to be the reference for the
 * index over many rules. `input` keeps the rules and counters that read it, all when undefined.
 */
export function createMatcher(
  ruleset: CompiledRuleset,
  input: string | undefined,
  fields: Readonly<Record<string, FieldType>>,
): Matcher {
  return new PlainMatcher(ruleset, input, fields)
}

class PlainMatcher implements Matcher {
  readonly #rules: readonly CompiledRule[]
  readonly #counters: readonly CompiledCounter[]
  readonly #reader: EventReader

  constructor(
    ruleset: CompiledRuleset,
    input: string | undefined,
    fields: Readonly<Record<string, FieldType>>,
  ) {
    const compiler = new ConditionCompiler(fields)
    const reads = (inputs: readonly string[]): boolean =>
      input === undefined || inputs.length === 0 || inputs.includes(input)
    this.#rules = ruleset.rules.flatMap((rule, number) => {
      if (!reads(rule.inputs)) return []
      const test = compiler.compile(rule.condition)
      return [{ number, test, groupBy: rule.groupBy, isByReceipt: rule.clock === 'received' }]
    })
    this.#counters = ruleset.counters.flatMap((counter, number) => {
      if (!reads(counter.inputs)) return []
      const [total, bad] = [compiler.compile(counter.total), compiler.compile(counter.bad)]
      return [{ number, total, bad, groupBy: counter.groupBy }]
    })
    this.#reader = compiler.reader()
  }

  match(view: EventView, ordinal: number, maxTimeMs: number, out: MatchBuilder): void {
    if (view.isOwn) return
    const reader = this.#reader
    reader.start(view)
    for (const rule of this.#rules) {
      if (!rule.test(reader)) continue
      const group = groupOf(view, rule.groupBy)
      const timeMs = rule.isByReceipt ? view.receivedMs : view.timeMs
      if (group === undefined) {
        out.missingGroup(rule.number, timeMs)
        continue
      }
      out.add({ rule: rule.number, ordinal, timeMs, maxTimeMs, hash: view.hash(), group })
    }
    for (const counter of this.#counters) {
      if (!counter.total(reader)) continue
      // An objective counts every event: one without the field belongs to the group "".
      const group = groupOf(view, counter.groupBy, '')!
      const minuteMs = Math.floor(view.timeMs / MINUTE_MS) * MINUTE_MS
      out.count(counter.number, group, minuteMs, counter.bad(reader))
    }
  }
}

/** `undefined` when a field is missing and nothing stands in for it. */
function groupOf(
  view: EventView,
  groupBy: readonly string[],
  missing?: string,
): GroupKey | undefined {
  if (groupBy.length === 0) return NO_GROUP
  const values = []
  for (const field of groupBy) {
    const value = view.get(field) ?? missing
    if (value === undefined) return undefined
    values.push(value)
  }
  return groupKey(values)
}
