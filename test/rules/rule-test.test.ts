import { describe, expect, it } from 'vitest'
import type { Rule, RuleTest, TestEvents, TestExpectation } from '../../src/rules/rule.ts'
import { runRuleTest } from '../../src/rules/rule-test.ts'
import { matcherOf } from './matcher-of.ts'
import { ruleOf } from './rule-builder.ts'

const S = 1_000
const M = 60 * S

/** The rule of the README and of design §8. */
const checkout = ruleOf(
  { kind: 'threshold', atLeast: 20, withinMs: 5 * M },
  {
    id: 'checkout-5xx',
    severity: 'high',
    groupBy: ['region'],
    escalate: [{ atLeast: 50, severity: 'critical' }],
    lateByMs: 2 * M,
    quietMs: 10 * M,
  },
)

function events(over: Partial<TestEvents> & { region?: string }): TestEvents {
  const { region = 'eu', ...rest } = over
  const fields = { service: 'checkout', http_status: 503, region }
  return { atMs: 0, everyMs: 0, times: 1, delayMs: 0, fields, ...rest }
}

function expected(
  at: number,
  change: TestExpectation['change'],
  more: { region?: string; severity?: TestExpectation['severity']; value?: number } = {},
): TestExpectation {
  const { region = 'eu', severity, value } = more
  return {
    atMs: at,
    change,
    group: { region },
    line: 1,
    ...(severity === undefined ? {} : { severity }),
    ...(value === undefined ? {} : { value }),
  }
}

function message(
  sent: readonly TestEvents[],
  wishes: readonly TestExpectation[],
  watchUntilMs = 60 * M,
  rule: Rule = checkout,
): string {
  const test: RuleTest = {
    name: 'a test',
    events: sent,
    expect: wishes,
    watchUntilMs,
    file: 'rules.yaml',
    line: 1,
  }
  const matcherFor = matcherOf((event) => event.get('http_status') === 503)
  const result = runRuleTest(rule, test, { matcherFor })
  expect(result.ok).toBe(result.message === '')
  return result.message
}

const twenty = [events({ everyMs: 2 * S, times: 20 })]
const opening = expected(38 * S, 'open', { severity: 'high', value: 20 })
const clearing = expected(10 * M + 44 * S, 'clear')

describe('a rule test', () => {
  it('passes the example of the design to the second', () => {
    const nineteen = events({ everyMs: 2 * S, times: 19, region: 'us' })
    expect(message([...twenty, nineteen], [opening, clearing])).toBe('')
  })

  it('says when a change came at another second', () => {
    expect(message(twenty, [opening, expected(10 * M + 43 * S, 'clear')])).toBe(
      'expected clear of region "eu" at 10m43s; it came at 10m44s with severity high and value 20',
    )
  })

  it('says what figures a change had instead', () => {
    const wrong = expected(38 * S, 'open', { severity: 'critical', value: 21 })
    expect(message(twenty, [wrong, clearing])).toBe(
      'expected open of region "eu" at 38s with severity critical and value 21; it came with severity high and value 20',
    )
  })

  it('fails for a change that it does not expect', () => {
    expect(message(twenty, [opening])).toBe(
      'clear of region "eu" at 10m44s (severity high and value 20) was not expected',
    )
  })

  it('fails for a change that never comes', () => {
    const us = expected(38 * S, 'open', { region: 'us' })
    expect(message(twenty, [opening, us, clearing])).toBe(
      'expected open of region "us" at 38s; it never came',
    )
  })

  it('does not ask for settling, but checks it where a test names it', () => {
    const settling = expected(12 * M + 44 * S, 'settle')
    expect(message(twenty, [opening, clearing, settling])).toBe('')
    expect(message(twenty, [opening, clearing, expected(12 * M, 'settle')])).toContain('at 12m44s')
  })

  it('sees what happens up to watch_until and nothing after', () => {
    expect(message(twenty, [opening], 10 * M + 43 * S)).toBe('')
    expect(message(twenty, [opening], 10 * M + 44 * S)).not.toBe('')
  })

  it('takes events at their arrival: a late one still completes an older window', () => {
    const sent = [events({ everyMs: 2 * S, times: 19 }), events({ atMs: 10 * S, delayMs: 90 * S })]
    expect(message(sent, [expected(100 * S, 'open', { value: 20 })], 5 * M)).toBe('')
  })

  it('refuses events beyond late_by, as live', () => {
    const sent = [
      events({ everyMs: 2 * S, times: 19 }),
      events({ atMs: 10 * S, delayMs: 2 * M + 7 * S }),
    ]
    expect(message(sent, [], 10 * M)).toBe('')
  })

  it('tells escalations and refires at their arrival', () => {
    const sent = [
      events({ everyMs: S, times: 60 }),
      events({ atMs: 10 * M + 30 * S, delayMs: 45 * S, everyMs: 0, times: 20 }),
    ]
    const wishes = [
      expected(19 * S, 'open', { severity: 'high' }),
      expected(49 * S, 'escalate', { severity: 'critical', value: 50 }),
      expected(11 * M + 5 * S, 'clear'),
      expected(11 * M + 15 * S, 'refire', { severity: 'critical' }),
      expected(20 * M + 36 * S, 'clear'),
    ]
    expect(message(sent, wishes)).toBe('')
  })
})
