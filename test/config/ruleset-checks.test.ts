import { describe, expect, it } from 'vitest'

import { compileRuleset } from '../../src/config/ruleset.ts'

const problemsOf = (text: string) =>
  compileRuleset({ documents: [{ file: 'rules.yaml', text }], inputs: {}, fields: {} }).problems

describe('what other rooms know about a rule set', () => {
  it('refuses a summary that could not be shown, where it is written', () => {
    const problems = problemsOf(`rule: a
where: _exists_:a
group_by: [region]
match: {}
annotations:
  summary: "{{ value }} in {{ group.regoin }}"
`)
    expect(problems).toMatchObject([{ code: 'bad-template', severity: 'error', line: 6 }])
    expect(problems[0]?.message).toContain('group.regoin')
  })

  it('warns of an objective at which a burn-rate alert is dead', () => {
    const slo = (objective: string): string => `slo: s
service: s
objective: ${objective}
total: _exists_:a
bad: b:1
`
    expect(problemsOf(slo('99.9%'))).toEqual([])
    expect(problemsOf(slo('90%'))).toMatchObject([{ code: 'dead-burn-rate', severity: 'warning' }])
  })
})
