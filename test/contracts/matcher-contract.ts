import { describe, expect, test } from 'vitest'
import { compileRuleset } from '../../src/config/ruleset.ts'
import type { EventView, FieldValue } from '../../src/model/event.ts'
import { MatchBuilder } from '../../src/model/match-builder.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import type { FieldType } from '../../src/model/ruleset.ts'
import type { Matcher } from '../../src/rules/matching/matcher.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'

/** How a matcher under test is made. */
export type CreateMatcher = (
  ruleset: CompiledRuleset,
  input: string | undefined,
  fields: Readonly<Record<string, FieldType>>,
) => Matcher

const HOUR_MS = 3_600_000

const event = (fields: Record<string, FieldValue>, timeMs = 0, receivedMs = timeMs): PlainEvent =>
  new PlainEvent({ fields: new Map(Object.entries(fields)), timeMs, receivedMs, hash: [7, 9] })

const compiled = (text: string) => {
  const source = { documents: [{ file: 'r.yaml', text }], inputs: {}, fields: {} }
  const { ruleset, problems } = compileRuleset(source)
  expect(problems.filter((problem) => problem.severity === 'error')).toEqual([])
  return ruleset
}

const RULES = `
rule: first
where: a:1
from: [x]
match: {}
---
rule: second
where: { a: 1 }
group_by: [host, port]
match: {}
---
rule: third
where: "*"
from: [y]
clock: received
match: {}
`

/** What every matcher promises (src/rules/matching/matcher.ts). */
export function matcherContract(name: string, createMatcher: CreateMatcher): void {
  describe(`the matcher contract: ${name}`, () => {
    const matched = (text: string, input: string | undefined, views: readonly EventView[]) => {
      const matcher = createMatcher(compiled(text), input, {})
      const out = new MatchBuilder()
      for (const [ordinal, view] of views.entries())
        matcher.match(view, ordinal, 1_000 + ordinal, out)
      const { rows, sums, missingGroup } = out.finish()
      const list = Array.from({ length: rows.length }, (_, i) => ({
        rule: rows.rule[i],
        ordinal: rows.ordinal[i],
        timeMs: rows.timeMs[i],
        maxTimeMs: rows.maxTimeMs[i],
        hash: [rows.hashHigh[i], rows.hashLow[i]],
        group: rows.group[i],
      }))
      return { rows: list, sums, missingGroup }
    }

    test('adds one row per rule that an event satisfies, in the order of rules', () => {
      const view = event({ a: 1, host: 'h', port: 22 }, 50)
      expect(matched(RULES, 'x', [view]).rows).toEqual([
        { rule: 0, ordinal: 0, timeMs: 50, maxTimeMs: 1_000, hash: [7, 9], group: '[]' },
        { rule: 1, ordinal: 0, timeMs: 50, maxTimeMs: 1_000, hash: [7, 9], group: '["h","22"]' },
      ])
    })

    test('asks only the rules that read the input, all without an input', () => {
      const view = event({ a: 1, host: 'h', port: 22 })
      const rules = (input: string | undefined) =>
        matched(RULES, input, [view]).rows.map((row) => row.rule)
      expect(rules('x')).toEqual([0, 1])
      expect(rules('y')).toEqual([1, 2])
      expect(rules('z')).toEqual([1])
      expect(rules(undefined)).toEqual([0, 1, 2])
    })

    test('counts a match without a group field by the hour of its own time', () => {
      const receivedMs = 3 * HOUR_MS
      const { rows, missingGroup } = matched(RULES, 'z', [
        event({ a: 1, host: 'h' }, HOUR_MS, receivedMs),
        event({ a: 1 }, 2 * HOUR_MS - 1, receivedMs),
        event({ a: 1 }, 2 * HOUR_MS, receivedMs),
      ])
      expect(rows).toEqual([])
      expect(missingGroup).toEqual([
        { rule: 1, hourMs: HOUR_MS, count: 2 },
        { rule: 1, hourMs: 2 * HOUR_MS, count: 1 },
      ])
    })

    test('gives a rule with the clock of receipt the time of receipt', () => {
      const { rows } = matched(RULES, 'y', [event({ a: 2 }, 5, 90)])
      expect(rows).toMatchObject([{ rule: 2, timeMs: 90, maxTimeMs: 1_000 }])
    })

    test('gives nothing for a record of our own', () => {
      const own: EventView = Object.assign(Object.create(event({ a: 1 })) as EventView, {
        isOwn: true,
      })
      expect(matched(RULES, undefined, [own]).rows).toEqual([])
    })

    test('keeps nothing of an event for the next one', () => {
      const rows = matched('rule: r\nwhere: message:fox\nmatch: {}', undefined, [
        event({ message: 'a fox' }),
        event({}),
        event({ message: 'none' }),
        event({ message: 'FOX' }),
      ]).rows
      expect(rows.map((row) => row.ordinal)).toEqual([0, 3])
    })

    test('objectives count what is bad of the total, per minute and group', () => {
      const text = `
slo: s
service: shop
objective: 99%
total: _exists_:status
bad: status:[500 TO 599]
group_by: [region]
`
      const { sums, rows } = matched(text, undefined, [
        event({ status: 200, region: 'eu' }, 59_999),
        event({ status: 503, region: 'eu' }, 60_000),
        event({ status: 503, region: 'eu' }, 119_999),
        event({ status: 503 }, -1),
        event({ other: 503 }, 0),
      ])
      expect(rows).toEqual([])
      expect(sums).toEqual([
        { slo: 0, group: '["eu"]', minuteMs: 0, total: 1, bad: 0 },
        { slo: 0, group: '["eu"]', minuteMs: 60_000, total: 2, bad: 2 },
        { slo: 0, group: '[""]', minuteMs: -60_000, total: 1, bad: 1 },
      ])
    })
  })
}
