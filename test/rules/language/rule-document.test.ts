import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readYaml } from '../../../src/lib/yaml-document.ts'
import { DocumentReader } from '../../../src/model/document-reader.ts'
import type { Problem } from '../../../src/model/problem.ts'
import type { FieldType, InputInfo } from '../../../src/model/ruleset.ts'
import { readRule } from '../../../src/rules/language/rule-document.ts'
import type { Rule } from '../../../src/rules/rule.ts'

const input = (reorderMs: number): InputInfo => ({ reorderMs, idleAfterMs: 60_000, labels: {} })

function read(
  text: string,
  inputs: Record<string, InputInfo> = {},
  fields: Record<string, FieldType> = {},
): { rule: Rule | undefined; problems: readonly Problem[] } {
  const { documents, faults } = readYaml(text)
  expect(faults).toEqual([])
  const reader = new DocumentReader(documents[0]!, 'r.yaml')
  const rule = readRule(reader, { inputs, fields })
  return { rule, problems: reader.problems }
}
const good = (
  text: string,
  inputs?: Record<string, InputInfo>,
  fields?: Record<string, FieldType>,
): Rule => {
  const { rule, problems } = read(text, inputs, fields)
  expect(problems.filter((problem) => problem.severity === 'error')).toEqual([])
  return rule!
}

const FULL = `
rule: checkout-5xx
title: Checkout answers with server errors
severity: high
labels: { team: payments, tier: 1 }
annotations: { runbook: https://example.org/x, summary: "{{ value }} errors" }
from: [payments]
where: service:checkout AND http_status:[500 TO 599]
group_by: [region]
threshold: { at_least: 20, within: 5m }
escalate: [{ at_least: 100, severity: critical }, { above: 49, severity: critical }]
late_by: 30s
clear: { quiet_for: 10m }
clock: received
mode: shadow
tests:
  - name: twenty open
    events:
      - { at: 0s, every: 2s, times: 20, delay: 1m, set: { service: checkout, http_status: 503, region: eu, up: true } }
    expect:
      - { at: 98s, open: { region: eu }, severity: high, value: 20 }
      - { at: 11m, clear: { region: eu } }
    watch_until: 1h
`

describe('a rule document', () => {
  test('is read whole', () => {
    const rule = good(FULL)
    expect(rule).toMatchObject({
      id: 'checkout-5xx',
      title: 'Checkout answers with server errors',
      severity: 'high',
      inputs: ['payments'],
      query: 'service:checkout AND http_status:[500 TO 599]',
      groupBy: ['region'],
      detector: { kind: 'threshold', atLeast: 20, withinMs: 300_000 },
      escalate: [
        { atLeast: 50, severity: 'critical' },
        { atLeast: 100, severity: 'critical' },
      ],
      lateByMs: 30_000,
      quietMs: 600_000,
      clock: 'received',
      mode: 'shadow',
      file: 'r.yaml',
      line: 2,
    })
    expect({ ...rule.labels }).toEqual({ team: 'payments', tier: '1' })
    expect({ ...rule.annotations }).toMatchObject({ summary: '{{ value }} errors' })
    const [test] = rule.tests
    expect(test).toMatchObject({
      name: 'twenty open',
      watchUntilMs: 3_600_000,
      file: 'r.yaml',
      line: 17,
    })
    expect(test!.events).toMatchObject([{ atMs: 0, everyMs: 2_000, times: 20, delayMs: 60_000 }])
    expect({ ...test!.events[0]!.fields }).toEqual({
      service: 'checkout',
      http_status: 503,
      region: 'eu',
      up: 'true',
    })
    expect(test!.expect).toMatchObject([
      { atMs: 98_000, change: 'open', severity: 'high', value: 20, line: 21 },
      { atMs: 660_000, change: 'clear', line: 22 },
    ])
  })

  test('has defaults: title from the id, medium, two minutes, every input', () => {
    const rule = good('rule: r\nwhere: "*"\nmatch: {}')
    expect(rule).toMatchObject({
      title: 'r',
      severity: 'medium',
      inputs: [],
      groupBy: [],
      detector: { kind: 'match' },
      escalate: [],
      lateByMs: 120_000,
      quietMs: 125_000,
      clock: 'event',
      mode: 'active',
      tests: [],
    })
  })

  test('clears by default after the longer of the window and late_by plus reorder', () => {
    const quiet = (within: string, lateBy: string, from: string) =>
      good(
        `rule: r\nwhere: a:1\nfrom: ${from}\nlate_by: ${lateBy}\nthreshold: { above: 4, within: ${within} }`,
        {
          slow: input(60_000),
          quick: input(1_000),
        },
      ).quietMs
    expect(quiet('5m', '2m', '[quick]')).toBe(300_000)
    expect(quiet('1m', '2m', '[quick]')).toBe(121_000)
    expect(quiet('1m', '2m', '[quick, slow]')).toBe(180_000)
    expect(quiet('1m', '2m', '[]')).toBe(180_000)
    expect(quiet('1m', '0s', '[elsewhere]')).toBe(60_000)
  })

  test('a test without watch_until ends with its last event or expectation', () => {
    const ends = (events: string, expected: string) =>
      good(
        `rule: r\nwhere: a:1\nmatch: {}\ntests:\n  - name: t\n    events: ${events}\n    expect: ${expected}`,
      ).tests[0]!.watchUntilMs
    expect(ends('[{ at: 1s, every: 2s, times: 3, delay: 1s, set: { a: 1 } }]', '[]')).toBe(6_000)
    expect(ends('[{ at: 1s, set: { a: 1 } }]', '[{ at: 9s, clear: {} }]')).toBe(9_000)
  })
})

const BASE = 'rule: r\nwhere: a:1\n'
describe('what is refused, with place and nearest', () => {
  test.each([
    ['an id with capitals', 'rule: Bad\nwhere: a\nmatch: {}', 'unexpected', 1, 7, 'a–z'],
    [
      'an id of 101 characters',
      `rule: ${'x'.repeat(101)}\nwhere: a\nmatch: {}`,
      'unexpected',
      1,
      7,
      '100',
    ],
    ['an unknown key', `${BASE}match: {}\nserverity: high`, 'unknown-key', 4, 1, '"severity"'],
    ['an unknown severity', `${BASE}match: {}\nseverity: hihg`, 'unexpected', 4, 11, '"high"'],
    ['no condition', 'rule: r\nmatch: {}', 'missing', 1, 1, 'where'],
    ['no type', BASE, 'missing', 1, 1, 'match, threshold'],
    [
      'two types',
      `${BASE}match: {}\nthreshold: { at_least: 1, within: 1m }`,
      'unexpected',
      4,
      12,
      'one type',
    ],
    [
      'a type of a later version',
      'rule: r\nabsence: { none_for: 5m }',
      'not-yet',
      2,
      1,
      '"absence"',
    ],
    ['an option of a later version', `${BASE}match: {}\nfor: 5m`, 'not-yet', 4, 1, '"for"'],
    [
      'a threshold of 0',
      `${BASE}threshold: { at_least: 0, within: 1m }`,
      'unexpected',
      3,
      24,
      '1 to 1000000',
    ],
    [
      'a threshold of 1.5',
      `${BASE}threshold: { at_least: 1.5, within: 1m }`,
      'unexpected',
      3,
      24,
      'whole',
    ],
    [
      'a threshold of 1,000,001',
      `${BASE}threshold: { at_least: 1000001, within: 1m }`,
      'unexpected',
      3,
      24,
      '1000000',
    ],
    [
      'at_least and above',
      `${BASE}threshold: { at_least: 1, above: 1, within: 1m }`,
      'unexpected',
      3,
      12,
      'exactly one',
    ],
    ['neither of them', `${BASE}threshold: { within: 1m }`, 'missing', 3, 12, 'exactly one'],
    ['no window', `${BASE}threshold: { at_least: 1 }`, 'missing', 3, 12, 'duration'],
    ['a window of 0', `${BASE}threshold: { at_least: 1, within: 0s }`, 'unexpected', 3, 35, '1ms'],
    [
      'a window of 367 days',
      `${BASE}threshold: { at_least: 1, within: 367d }`,
      'unexpected',
      3,
      35,
      '366d',
    ],
    [
      'a bare number as window',
      `${BASE}threshold: { at_least: 1, within: 5 }`,
      'unexpected',
      3,
      35,
      '"5m"',
    ],
    [
      'a misspelt option',
      `${BASE}threshold: { atleast: 1, within: 1m }`,
      'unknown-key',
      3,
      14,
      '"at_least"',
    ],
    ['a field twice', `${BASE}match: {}\ngroup_by: [a, a]`, 'double', 4, 15, 'twice'],
    [
      'a group of eleven',
      `${BASE}match: {}\ngroup_by: [a, b, c, d, e, f, g, h, i, j, k]`,
      'too-many',
      4,
      11,
      '10',
    ],
    ['group_by as text', `${BASE}match: {}\ngroup_by: a`, 'unexpected', 4, 11, 'in brackets'],
    [
      'steps on a match rule',
      `${BASE}match: {}\nescalate: [{ at_least: 2, severity: high }]`,
      'unexpected',
      4,
      11,
      'threshold',
    ],
    [
      'a step below the threshold',
      `${BASE}threshold: { at_least: 5, within: 1m }\nescalate: [{ at_least: 5, severity: high }]`,
      'unexpected',
      4,
      12,
      'must be higher',
    ],
    [
      'a way to clear of a later version',
      `${BASE}match: {}\nclear: { manual: true }`,
      'not-yet',
      4,
      10,
      '"manual"',
    ],
    [
      'labels in labels',
      `${BASE}match: {}\nlabels: { a: { b: c } }`,
      'unexpected',
      4,
      14,
      'found a block',
    ],
    ['an empty late_by', `${BASE}match: {}\nlate_by:`, 'empty', 4, 9, 'duration'],
  ])('%s', (_what, text, code, line, column, message) => {
    const { rule, problems } = read(text)
    expect(rule).toBeUndefined()
    expect(problems).toContainEqual(
      expect.objectContaining({ code, severity: 'error', line, column }),
    )
    expect(problems.find((problem) => problem.code === code)!.message).toContain(message)
  })

  const TEST = `${BASE}match: {}\ngroup_by: [g]\ntests:\n  - name: t\n    `
  test.each([
    ['a misspelt key', 'evnts: []', 'unknown-key', 7, 5, '"events"'],
    ['a silent input', 'input: { silent_from: 20m }', 'not-yet', 7, 5, 'later version'],
    [
      'an event without time',
      'events: [{ set: { a: 1 } }]',
      'missing',
      7,
      14,
      'at: expected a duration',
    ],
    [
      'every without times',
      'events: [{ at: 1s, every: 1s, set: { a: 1 } }]',
      'unexpected',
      7,
      31,
      'times',
    ],
    [
      'a list as a field',
      'events: [{ at: 1s, set: { a: [1] } }]',
      'unexpected',
      7,
      34,
      'true or false',
    ],
    ['no change', 'expect: [{ at: 1s }]', 'unexpected', 7, 14, 'exactly one of open'],
    [
      'two changes',
      'expect: [{ at: 1s, open: { g: x }, clear: { g: x } }]',
      'unexpected',
      7,
      14,
      'exactly one of open',
    ],
    [
      'a foreign group',
      'expect: [{ at: 1s, open: { g: x, h: y } }]',
      'unexpected',
      7,
      38,
      'group_by is g',
    ],
    ['no group', 'expect: [{ at: 1s, open: {} }]', 'missing', 7, 30, '"g"'],
    [
      'an early end',
      'events: [{ at: 9s, set: { a: 1 } }]\n    watch_until: 5s',
      'unexpected',
      8,
      18,
      'ends before',
    ],
  ])('in tests: %s', (_what, text, code, line, column, message) => {
    const { rule, problems } = read(TEST + text)
    expect(rule).toBeUndefined()
    expect(problems).toContainEqual(
      expect.objectContaining({ code, severity: 'error', line, column }),
    )
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message)
  })

  test('everything at once, not only the first', () => {
    const text =
      'rule: X\nwhere: a:?x\nseverity: none\nthreshold: { at_least: 0, within: 5 }\nfro: [a]'
    expect(read(text).problems).toHaveLength(6)
  })
})

describe('what is pointed out', () => {
  test.each([
    ['quiet-shorter', `${BASE}match: {}\nclear: { quiet_for: 2m }`, 4, 21],
    ['bare-or', 'rule: r\nwhere: a:b c:d\nmatch: {}', 2, 12],
    [
      'escalate-lower',
      `${BASE}threshold: { at_least: 1, within: 1m }\nescalate: [{ at_least: 2, severity: low }]`,
      4,
      37,
    ],
    ['unknown-input', `${BASE}match: {}\nfrom: [paymnets]`, 4, 8],
  ])('%s', (code, text, line, column) => {
    const { rule, problems } = read(text, { payments: input(5_000) })
    expect(rule).toBeDefined()
    expect(problems).toMatchObject([{ code, severity: 'warning', line, column }])
  })

  test('an unknown input only where inputs are known, with the nearest', () => {
    const text = `${BASE}match: {}\nfrom: [paymnets]`
    expect(read(text).problems).toEqual([])
    expect(read(text, { payments: input(1) }).problems[0]!.message).toContain(
      'did you mean "payments"',
    )
  })
})

describe('hashes', () => {
  const rule = (
    changes: Record<string, string> = {},
    fields: Record<string, FieldType> = {},
  ): Rule => {
    const parts: Record<string, string> = {
      where: 'a:1 AND message:fox',
      group_by: '[g]',
      threshold: '{ at_least: 5, within: 1m }',
      severity: 'low',
      ...changes,
    }
    return good(
      `rule: r\n${Object.entries(parts)
        .map(([key, value]) => `${key}: ${value}`)
        .join('\n')}`,
      {},
      fields,
    )
  }
  const base = rule()

  test.each([
    ['threshold', { threshold: '{ at_least: 9, within: 1m }' }],
    ['severity', { severity: 'high' }],
    ['texts', { title: 'x', annotations: '{ a: b }', labels: '{ team: x }' }],
    ['late_by and clear', { late_by: '5m', clear: '{ quiet_for: 1h }' }],
    ['the way a condition is spaced', { where: '"a:1   AND (message:fox)"' }],
  ])('windows survive a change of %s', (_what, changes) => {
    expect(rule(changes).stateHash).toBe(base.stateHash)
    expect(rule(changes).revision).not.toBe(base.revision)
  })

  test.each([
    ['condition', { where: 'a:2 AND message:fox' }],
    ['window', { threshold: '{ at_least: 5, within: 2m }' }],
    ['groups', { group_by: '[h]' }],
    ['clock', { clock: 'received' }],
  ])('a change of the %s starts windows anew', (_what, changes) => {
    expect(rule(changes).stateHash).not.toBe(base.stateHash)
  })

  test('so does the type of a field that the condition reads, and of no other', () => {
    expect(rule({}, { a: 'keyword' }).stateHash).not.toBe(base.stateHash)
    expect(rule({}, { z: 'keyword' }).stateHash).toBe(base.stateHash)
    const all = rule({ where: 'fox' })
    expect(rule({ where: 'fox' }, { z: 'keyword' }).stateHash).not.toBe(all.stateHash)
  })

  test('the order of keys and the comments are not part of the revision', () => {
    const one = good('rule: r\nwhere: a:1\nmatch: {}')
    expect(good('# why\nmatch: {}\nwhere: a:1\nrule: r').revision).toBe(one.revision)
  })

  test('state hashes are those of the golden file: a change resets windows of every installation', () => {
    const path = 'test/golden/state-hashes.json'
    const golden = JSON.parse(readFileSync(path, 'utf8')) as { rule: string; stateHash: string }[]
    expect(golden.length).toBeGreaterThan(5)
    for (const { rule, stateHash } of golden)
      expect([rule, good(rule).stateHash]).toEqual([rule, stateHash])
  })
})
