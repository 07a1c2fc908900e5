import type { EventView } from '../../src/model/event.ts'
import { groupKey, NO_GROUP } from '../../src/model/group.ts'
import type { Matcher } from '../../src/rules/matching/matcher.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'

/** A matcher that asks a function instead of the rules' conditions. */
export function matcherOf(
  satisfies: (event: EventView, ruleId: string) => boolean,
): (ruleset: CompiledRuleset) => Matcher {
  return (ruleset) => ({
    asked: 0,
    match(view, ordinal, maxTimeMs, out) {
      for (const [number, rule] of ruleset.rules.entries()) {
        if (!satisfies(view, rule.id)) continue
        const values = rule.groupBy.map((field) => view.get(field))
        if (values.includes(undefined)) {
          out.missingGroup(number, view.timeMs)
          continue
        }
        const group = values.length === 0 ? NO_GROUP : groupKey(values as string[])
        const { timeMs } = view
        out.add({ rule: number, ordinal, timeMs, maxTimeMs, hash: view.hash(), group })
      }
    },
  })
}
