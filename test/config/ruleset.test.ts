import { describe, expect, test } from 'vitest'
import { compileRuleset, rulesetHash } from '../../src/config/ruleset.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'

const source = (...texts: readonly string[]): RulesetSource => ({
  documents: texts.map((text, i) => ({ file: `${'abcdef'[i]}.yaml`, text })),
  inputs: {},
  fields: {},
})
const RULE = 'rule: r\nwhere: a:1\nmatch: {}\n'
const SLO = 'slo: s\nservice: shop\nobjective: 99.9%\ntotal: _exists_:status\nbad: status:>=500\n'

describe('compiling a rule set', () => {
  test('keeps rules and objectives in the order in which they were written', () => {
    const { ruleset, objectives, problems } = compileRuleset(
      source(
        `${RULE}---\n${SLO}`,
        `rule: q\nwhere: b:1\nmatch: {}\n---\n${SLO.replace('slo: s', 'slo: t')}`,
      ),
    )
    expect(problems).toEqual([])
    expect(ruleset.rules.map((rule) => [rule.id, rule.file, rule.line])).toEqual([
      ['r', 'a.yaml', 1],
      ['q', 'b.yaml', 1],
    ])
    expect(objectives.map((objective) => [objective.id, objective.line])).toEqual([
      ['s', 5],
      ['t', 5],
    ])
    expect(ruleset.counters.map((counter) => counter.id)).toEqual(['s', 't'])
  })

  test('refuses a second rule of one id and names both places', () => {
    const { ruleset, problems } = compileRuleset(source(RULE, `# here\n${RULE}`))
    expect(ruleset.rules).toHaveLength(1)
    expect(problems).toMatchObject([
      { code: 'duplicate-id', severity: 'error', file: 'b.yaml', line: 2, column: 7 },
    ])
    expect(problems[0]!.message).toContain('a.yaml:1')
  })

  test('a rule and an objective may share a name', () => {
    expect(compileRuleset(source(RULE, SLO.replace('slo: s', 'slo: r'))).problems).toEqual([])
  })

  test.each([
    [
      'a Sigma file, once',
      'title: a\nlogsource: {}\ndetection: {}\n---\ntitle: b\ndetection: {}',
      'sigma-later',
      'Sigma',
    ],
    ['a correlation', 'title: a\ncorrelation: {}', 'sigma-later', 'Sigma'],
    ['another kind', 'ruel: x', 'unknown-kind', 'did you mean "rule"'],
    ['a text', 'just words', 'unknown-kind', 'rule: <id>'],
    ['a list', '- rule: x', 'unknown-kind', 'rule: <id>'],
    ['broken YAML', 'rule: [', 'yaml-syntax', 'sequence'],
  ])('refuses %s', (_what, text, code, message) => {
    const { problems } = compileRuleset(source(text))
    expect(problems.map((problem) => problem.code)).toEqual([code])
    expect(problems[0]).toMatchObject({ severity: 'error', file: 'a.yaml', line: 1 })
    expect(problems[0]!.message).toContain(message)
  })

  test('reports the problems of every file at once and keeps what is good', () => {
    const { ruleset, problems } = compileRuleset(source('rule: X', RULE, 'slo: y'))
    expect(new Set(problems.map((problem) => problem.file))).toEqual(new Set(['a.yaml', 'c.yaml']))
    expect(ruleset.rules.map((rule) => rule.id)).toEqual(['r'])
  })

  test('its hash covers everything that decides a match, and nothing else', () => {
    const base = source(RULE)
    const hash = rulesetHash(base)
    expect(compileRuleset(base).ruleset.hash).toBe(hash)
    expect(rulesetHash(structuredClone(base))).toBe(hash)
    expect(rulesetHash({ ...base, fields: { a: 'keyword' } })).not.toBe(hash)
    const inputs = { x: { reorderMs: 1, idleAfterMs: 1, labels: {} } }
    expect(rulesetHash({ ...base, inputs })).not.toBe(hash)
    expect(rulesetHash(source(`${RULE} `))).not.toBe(hash)
  })

  test('field types of the settings decide what a query means', () => {
    const text = 'rule: r\nwhere: f:"--"\nmatch: {}'
    const asText = compileRuleset({ ...source(text), fields: { f: 'text' } })
    expect(asText.problems).toMatchObject([{ code: 'never-true', severity: 'warning' }])
    expect(compileRuleset(source(text)).problems).toEqual([])
  })
})
