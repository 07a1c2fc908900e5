import { describe, expect, test } from 'vitest'
import { compileRuleset } from '../../src/config/ruleset.ts'
import type { InputInfo } from '../../src/model/ruleset.ts'

const BASE: Readonly<Record<string, string>> = {
  slo: 'checkout-availability',
  service: 'checkout',
  objective: '99.9%',
  total: 'service:checkout AND _exists_:http_status',
  bad: 'http_status:[500 TO 599]',
}
const payments: InputInfo = { reorderMs: 5_000, idleAfterMs: 60_000, labels: {} }
const compile = (changes: Readonly<Record<string, string | undefined>> = {}) => {
  const text = Object.entries({ ...BASE, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')
  const { objectives, ruleset, problems } = compileRuleset({
    documents: [{ file: 's.yaml', text }],
    inputs: { payments },
    fields: {},
  })
  return { objective: objectives[0], counter: ruleset.counters[0], problems }
}

describe('an objective', () => {
  test('is read whole', () => {
    const { objective, counter, problems } = compile({
      title: 'Checkout answers',
      period: '{ rolling: 7d }',
      from: '[payments]',
      group_by: '[region]',
      min_events: '200',
      burn: 'default',
      labels: '{ team: payments }',
    })
    expect(problems).toEqual([])
    expect(objective).toMatchObject({
      id: 'checkout-availability',
      title: 'Checkout answers',
      service: 'checkout',
      target: 0.999,
      periodMs: 604_800_000,
      inputs: ['payments'],
      groupBy: ['region'],
      minEvents: 200,
      file: 's.yaml',
      line: 1,
    })
    expect({ ...objective!.labels }).toEqual({ team: 'payments' })
    expect(counter).toMatchObject({
      id: 'checkout-availability',
      inputs: ['payments'],
      groupBy: ['region'],
      total: { kind: 'all' },
      bad: { kind: 'range', field: 'http_status' },
    })
  })

  test('has defaults: 30 days, no minimum, every input', () => {
    expect(compile().objective).toMatchObject({
      title: 'checkout-availability',
      periodMs: 2_592_000_000,
      minEvents: 0,
      inputs: [],
      groupBy: [],
    })
  })

  test.each([
    ['99.9%', 0.999],
    ['"99.95 %"', 0.9995],
    ['99.999%', 0.99999],
    ['0.999', 0.999],
    ['"50%"', 0.5],
  ])('objective %s is %d exactly', (written, target) => {
    expect(compile({ objective: written }).objective!.target).toBe(target)
  })

  test.each([
    ['objective', '100%', 'unexpected', 'below 100%'],
    ['objective', '0%', 'unexpected', 'above 0'],
    ['objective', '99.9', 'unexpected', 'did you mean "99.9%"'],
    ['objective', 'high', 'unexpected', 'found "high"'],
    ['objective', '[1]', 'unexpected', 'found a list'],
    ['objective', undefined, 'unexpected', 'found nothing'],
    ['service', undefined, 'missing', 'service'],
    ['total', undefined, 'missing', 'total'],
    ['bad', 'a:?b', 'query-unsupported', 'wildcard'],
    ['slo', 'Bad', 'unexpected', 'a–z'],
    ['period', '{ rolling: 1m }', 'unexpected', '1h'],
    ['period', '{ calendar: month }', 'unknown-key', '"calendar"'],
    ['min_events', '-1', 'unexpected', '0 to'],
    ['burn', 'fast', 'unexpected', 'default'],
    ['objectve', '99%', 'unknown-key', 'did you mean "objective"'],
  ])('%s: %s is refused', (key, value, code, message) => {
    const { objective, counter, problems } = compile({ [key]: value })
    expect(objective).toBeUndefined()
    expect(counter).toBeUndefined()
    expect(problems).toMatchObject([{ code, severity: 'error', file: 's.yaml' }])
    expect(problems[0]!.message).toContain(message)
  })

  test('an unknown input is pointed out', () => {
    const { problems } = compile({ from: '[payment]' })
    expect(problems).toMatchObject([{ code: 'unknown-input', severity: 'warning' }])
  })
})
