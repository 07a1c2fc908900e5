import type { CompiledRuleset, Detector, Rule } from '../../src/rules/rule.ts'

/** A rule with defaults, for tests of the engine; its condition is never looked at. */
export function ruleOf(detector: Detector, over: Partial<Rule> = {}): Rule {
  const withinMs = detector.kind === 'threshold' ? detector.withinMs : 60_000
  return {
    id: 'rule-1',
    title: 'A rule',
    severity: 'medium',
    labels: {},
    annotations: {},
    inputs: [],
    query: null,
    condition: { kind: 'everything' } as unknown as Rule['condition'],
    groupBy: ['host'],
    detector,
    escalate: [],
    lateByMs: 120_000,
    quietMs: withinMs,
    clock: 'event',
    limits: { groups: 100_000, overflow: 'evict_oldest' },
    mode: 'active',
    revision: 'rev-1',
    stateHash: 'state-1',
    tests: [],
    file: 'rules.yaml',
    line: 1,
    ...over,
  }
}

export function rulesetOf(...rules: readonly Rule[]): CompiledRuleset {
  return { hash: `set ${rules.map(({ revision }) => revision).join(' ')}`, rules, counters: [] }
}
