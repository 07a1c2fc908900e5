/** `docs/reference/rules.md` says what the code does: keys, examples, and their tests. */
import { describe, expect, it } from 'vitest'

import { compileRuleset } from '../../src/config/ruleset.ts'
import type { RulesetResult } from '../../src/config/ruleset.ts'
import { EVENT_FLAGS } from '../../src/model/event.ts'
import { formatProblem } from '../../src/model/problem.ts'
import { GRAYLOG_FIELDS } from '../../src/model/ruleset.ts'
import { SEVERITIES } from '../../src/model/severity.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'
import { runRuleTest } from '../../src/rules/rule-test.ts'
import { codeIn, codesIn, readPage, rowsOf } from './page.ts'

const page = readPage('rules')

function compile(text: string): RulesetResult {
  return compileRuleset({ documents: [{ file: 'rules.md', text }], inputs: {}, fields: {} })
}

describe('the examples', () => {
  const examples = page.blocks.filter(({ language }) => language === 'yaml')

  it('are there', () => {
    expect(examples.length).toBeGreaterThan(3)
  })

  it.each(examples.map(({ code }) => [code.split('\n')[0]!, code]))(
    '%s is good and its tests pass',
    (_, code) => {
      const { ruleset, objectives, problems } = compile(code)
      expect(problems.map(formatProblem)).toEqual([])
      expect(ruleset.rules.length + objectives.length).toBe(1)
      for (const rule of ruleset.rules) {
        expect(rule.tests.length).toBeGreaterThan(0)
        const matcherFor = (running: typeof ruleset) => createIndexedMatcher(running, undefined, {})
        const results = rule.tests.map((test) => runRuleTest(rule, test, { matcherFor }))
        expect(results.filter(({ ok }) => !ok)).toEqual([])
      }
    },
  )
})

/** A document with an unknown key in one block, and what the page calls the keys of the block. */
const BLOCKS: readonly (readonly [string, string, string])[] = [
  ['a rule', 'Keys', 'rule: x\nZ: 1'],
  ['threshold', 'threshold.', 'rule: x\nthreshold: { Z: 1 }'],
  [
    'escalate',
    'escalate[].',
    'rule: x\nthreshold: { at_least: 1, within: 1s }\nescalate: [{ Z: 1 }]',
  ],
  ['clear', 'clear.', 'rule: x\nclear: { Z: 1 }'],
  ['a test', 'tests[].', 'rule: x\ntests: [{ Z: 1 }]'],
  ['events', 'tests[].events[].', 'rule: x\ntests: [{ events: [{ Z: 1 }] }]'],
  ['expect', 'tests[].expect[].', 'rule: x\ntests: [{ expect: [{ Z: 1 }] }]'],
  ['an objective', 'Objectives', 'slo: x\nZ: 1'],
  ['period', 'period.', 'slo: x\nperiod: { Z: 1 }'],
]

describe('the tables of keys', () => {
  it.each(BLOCKS)('name exactly the keys of %s', (_, block, text) => {
    const isBlock = block.endsWith('.')
    const rows = page.tables
      .filter(({ columns, heading }) => columns[0] === 'key' && (isBlock || heading === block))
      .flatMap((table) => table.rows.map((row) => codeIn(row['key']!)))
    const named = rows
      .filter((key) => (isBlock ? key.startsWith(block) : true))
      .map((key) => (isBlock ? key.slice(block.length) : key))
      .filter((key) => !/[.[]/.test(key))
    // The block `period` is named by its one key.
    if (block === 'Objectives') named.push('period')
    const unknown = compile(text).problems.find(({ code }) => code === 'unknown-key')
    const known = /known here: (.*)$/.exec(unknown?.message ?? '')?.[1]?.split(', ')
    expect(named.toSorted()).toEqual(known?.toSorted())
  })

  it('name exactly the operators', () => {
    const { problems } = compile('rule: x\nwhere: { f: { Z: 1 } }\nmatch: {}')
    const known = /known: (.*)$/.exec(problems[0]?.message ?? '')?.[1]?.split(', ')
    const named = rowsOf(page, 'operator').flatMap((row) => codesIn(row['operator']!))
    expect(named.toSorted()).toEqual(known?.toSorted())
  })

  it('name severities, in their order, and the fields that have a type', () => {
    const rows = rowsOf(page, 'key')
    const severity = rows.find((row) => row['key'] === '`severity`')!
    expect(codesIn(severity['value']!)).toEqual([...SEVERITIES])
    const typed = rowsOf(page, 'type', 'fields').flatMap((row) => {
      const fields = [...row['fields']!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
      return fields.map((field) => [field, codeIn(row['type']!)])
    })
    expect(Object.fromEntries(typed)).toEqual(GRAYLOG_FIELDS)
    for (const flag of ['value_cut', 'forged_self']) {
      expect(page.text).toContain(`\`${flag}\``)
      expect(EVENT_FLAGS).toContain(flag)
    }
  })
})

describe('defaults and bounds', () => {
  const base = 'rule: x\nwhere: "a:1"\n'
  const ruleOf = (rest: string) => {
    const { ruleset, problems } = compile(base + rest)
    expect(problems.map(formatProblem)).toEqual([])
    return ruleset.rules[0]!
  }

  it('are as the page says', () => {
    const rule = ruleOf('threshold: { above: 4, within: 5m }')
    expect(rule).toMatchObject({
      title: 'x',
      severity: 'medium',
      inputs: [],
      groupBy: [],
      detector: { kind: 'threshold', atLeast: 5, withinMs: 300_000 },
      lateByMs: 120_000,
      quietMs: 300_000,
      clock: 'event',
      mode: 'active',
    })
    // The longer of the window and late_by + reorder.
    expect(ruleOf('match: {}').quietMs).toBe(125_000)
    expect(ruleOf('threshold: { at_least: 1, within: 1s }\nlate_by: 0').quietMs).toBe(5_000)
  })

  const DAYS = 366
  it.each([
    [
      'threshold: { at_least: 1000000, within: 1s }',
      'threshold: { at_least: 1000001, within: 1s }',
    ],
    ['threshold: { at_least: 1, within: 1s }', 'threshold: { at_least: 0, within: 1s }'],
    ['threshold: { above: 0, within: 1ms }', 'threshold: { above: 0, within: 0 }'],
    ['threshold: { above: 999999, within: 1s }', 'threshold: { above: 1000000, within: 1s }'],
    [
      `threshold: { at_least: 1, within: ${DAYS}d }`,
      `threshold: { at_least: 1, within: ${DAYS + 1}d }`,
    ],
    [`match: {}\nlate_by: 0`, `match: {}\nlate_by: ${DAYS + 1}d`],
    [`match: {}\nclear: { quiet_for: ${DAYS}d }`, `match: {}\nclear: { quiet_for: ${DAYS + 1}d }`],
    [`match: {}\ntitle: ${'t'.repeat(200)}`, `match: {}\ntitle: ${'t'.repeat(201)}`],
    [
      `match: {}\nlabels: { a: ${'t'.repeat(200)} }`,
      `match: {}\nlabels: { a: ${'t'.repeat(201)} }`,
    ],
    [
      `match: {}\nannotations: { a: ${'t'.repeat(4_000)} }`,
      `match: {}\nannotations: { a: ${'t'.repeat(4_001)} }`,
    ],
    [`match: {}\ngroup_by: [${fields(10)}]`, `match: {}\ngroup_by: [${fields(11)}]`],
    ['match: {}\nlate_by: 1h30m', 'match: {}\nlate_by: 90'],
    [withSteps(10), withSteps(11)],
    [withTests(1_000), withTests(1_001)],
  ])('%.60s is taken and %.60s is not', (good, bad) => {
    expect(compile(base + good).problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(compile(base + bad).problems.some(({ severity }) => severity === 'error')).toBe(true)
  })

  it('of an id are as the page says', () => {
    const isGood = (id: string): boolean =>
      compile(`rule: ${id}\nwhere: "*"\nmatch: {}`).problems.length === 0
    expect([isGood('a'.repeat(100)), isGood('9.a_b-c')]).toEqual([true, true])
    expect([isGood('a'.repeat(101)), isGood('A'), isGood('-a')]).toEqual([false, false, false])
  })
})

function fields(count: number): string {
  return Array.from({ length: count }, (_, i) => `f${i}`).join(', ')
}

function withSteps(count: number): string {
  const steps = Array.from({ length: count }, (_, i) => `{ at_least: ${i + 2}, severity: high }`)
  return `threshold: { at_least: 1, within: 1s }\nescalate: [${steps.join(', ')}]`
}

function withTests(count: number): string {
  const tests = Array.from({ length: count }, (_, i) => `{ name: n${i} }`)
  return `match: {}\ntests: [${tests.join(', ')}]`
}
