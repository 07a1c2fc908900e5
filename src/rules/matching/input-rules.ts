import type { EventView } from '../../model/event.ts'
import { groupKey, NO_GROUP, type GroupKey } from '../../model/group.ts'
import type { MatchBuilder } from '../../model/match-builder.ts'
import type { Condition } from '../language/condition.ts'
import type { CompiledRuleset } from '../rule.ts'
import type { ConditionCompiler, EventTest } from './compile-condition.ts'

const MINUTE_MS = 60_000

/** What a matcher does when a condition holds; `number` is the index into the rule set. */
export interface InputRule {
  readonly number: number
  readonly condition: Condition
  readonly test: EventTest
  readonly groupBy: readonly string[]
  readonly isByReceipt: boolean
}

/** A counter of an objective; `condition` and `test` are those of its total. */
export interface InputCounter {
  readonly number: number
  readonly condition: Condition
  readonly test: EventTest
  readonly bad: EventTest
  readonly groupBy: readonly string[]
}

/** Everything of a rule set that reads one input, compiled, in the order of numbers. */
export interface InputRules {
  readonly rules: readonly InputRule[]
  readonly counters: readonly InputCounter[]
}

/** `input` keeps the rules and counters that read it, all when undefined. */
export function inputRules(
  ruleset: CompiledRuleset,
  input: string | undefined,
  compiler: ConditionCompiler,
): InputRules {
  const reads = (inputs: readonly string[]): boolean =>
    input === undefined || inputs.length === 0 || inputs.includes(input)
  const rules = ruleset.rules.flatMap((rule, number) => {
    if (!reads(rule.inputs)) return []
    const { condition, groupBy } = rule
    const test = compiler.compile(condition)
    return [{ number, condition, test, groupBy, isByReceipt: rule.clock === 'received' }]
  })
  const counters = ruleset.counters.flatMap((counter, number) => {
    if (!reads(counter.inputs)) return []
    const { total: condition, groupBy } = counter
    const [test, bad] = [compiler.compile(condition), compiler.compile(counter.bad)]
    return [{ number, condition, test, bad, groupBy }]
  })
  return { rules, counters }
}

/** The row of an event that satisfies the rule, or its being counted for want of a group field. */
export function addMatch(
  rule: InputRule,
  view: EventView,
  at: { readonly ordinal: number; readonly maxTimeMs: number },
  out: MatchBuilder,
): void {
  const group = groupOf(view, rule.groupBy)
  const timeMs = rule.isByReceipt ? view.receivedMs : view.timeMs
  if (group === undefined) {
    out.missingGroup(rule.number, timeMs)
    return
  }
  const { ordinal, maxTimeMs } = at
  out.add({ rule: rule.number, ordinal, timeMs, maxTimeMs, hash: view.hash(), group })
}

/** Counts an event that belongs to the counter's total. */
export function countEvent(
  counter: InputCounter,
  view: EventView,
  isBad: boolean,
  out: MatchBuilder,
): void {
  // An objective counts every event: one without the field belongs to the group "".
  const group = groupOf(view, counter.groupBy, '')!
  const minuteMs = Math.floor(view.timeMs / MINUTE_MS) * MINUTE_MS
  out.count(counter.number, group, minuteMs, isBad)
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
