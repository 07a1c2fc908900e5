import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FieldValue } from '../../../src/model/event.ts'
import { PlainEvent } from '../../../src/model/plain-event.ts'
import type { FieldType } from '../../../src/model/ruleset.ts'
import type { Bound, Condition } from '../../../src/rules/language/condition.ts'
import { compileQuery } from '../../../src/rules/language/graylog-query.ts'
import { compileCondition } from '../../../src/rules/matching/compile-condition.ts'

type Fields = Readonly<Record<string, FieldValue>>

const event = (fields: Fields, timeMs = 0) =>
  new PlainEvent({
    fields: new Map(Object.entries(fields)),
    timeMs,
    receivedMs: timeMs,
    hash: [0, 0],
  })

const finds = (
  query: string,
  fields: Fields,
  types: Record<string, FieldType> = {},
  timeMs = 0,
): boolean => {
  const { condition } = compileQuery(query, { fields: types })
  return compileCondition(condition!, types)(event(fields, timeMs))
}

describe('fields without a declared type are read as their value asks', () => {
  test.each<[string, Fields, boolean]>([
    ['s:404', { s: 404 }, true],
    ['s:404.0', { s: 404 }, true],
    ['s:404', { s: '404' }, true],
    ['s:404.0', { s: '404' }, false],
    ['s:abc', { s: 404 }, false],
    ['s:Abc', { s: 'abc' }, false],
    ['s:>=500', { s: 503 }, true],
    ['s:>=500', { s: '503' }, true],
    ['s:>=500', { s: '503 ms' }, false],
    ['s:>=500', { s: 'zzz' }, false],
    ['s:[a TO c]', { s: 'bob' }, true],
    ['s:[a TO c]', { s: 5 }, false],
    ['s:[* TO *]', { s: 'x' }, true],
    ['s:4*', { s: 404 }, false],
    ['s:4*', { s: '404' }, true],
    ['s:>9223372036854775806', { s: '9223372036854775807' }, true],
    ['s:>9223372036854775807', { s: '9223372036854775807' }, false],
    ['s:9007199254740993', { s: 9007199254740992 }, false],
    ['s:>0', {}, false],
    ['NOT s:>0', {}, true],
  ])('%s over %j: %s', (query, fields, expected) => {
    expect(finds(query, fields)).toBe(expected)
  })
})

describe('declared types decide', () => {
  test.each<[string, FieldType, FieldValue, boolean]>([
    ['f:>4', 'keyword', '10', false],
    ['f:>4', 'long', '10', true],
    ['f:5', 'keyword', 5, true],
    ['f:[B TO C]', 'lower', 'BOB', true],
    ['f:ABC', 'lower', 'abc', true],
    ['f:"Failed Password"', 'text', 'x failed password y', true],
    ['f:"failed root"', 'text', 'failed password root', false],
    ['f:fail', 'text', 'failed', false],
    ['f:fail*', 'text', 'it FAILED', true],
    ['f:(failed root)', 'text', 'root', true],
    ['f:[y TO z]', 'text', 'x yes', true],
    ['f:abc', 'long', 5, false],
    ['f:2026-11-24', 'date', '2026-11-24T08:00:00Z', true],
    ['f:>2026-11-24', 'date', '2026-11-24T08:00:00Z', false],
    ['f:[2026-11-23 TO 2026-11-24]', 'date', '2026-11-24 23:59:59.999', true],
    ['f:[2026-11-23 TO 2026-11-24}', 'date', '2026-11-24 00:00:00.000', false],
    ['f:>=2026', 'date', 1795509014176, true],
    ['f:zzz', 'date', 1795509014176, false],
  ])('%s on %s %j: %s', (query, type, value, expected) => {
    expect(finds(query, { f: value }, { f: type })).toBe(expected)
  })

  test('text is ordered by code points: an emoji comes after every character of the first plane', () => {
    expect(finds('f:>\uffee', { f: '😀' }, { f: 'keyword' })).toBe(true)
  })
})

describe('fields that every event has', () => {
  test('timestamp is the event time in milliseconds, also as a date', () => {
    const timeMs = Date.parse('2026-11-24T08:00:00.000Z')
    expect(finds('timestamp:["2026-11-24 08:00:00.000" TO *]', {}, {}, timeMs)).toBe(true)
    expect(finds('timestamp:<2026-11-24', {}, {}, timeMs)).toBe(false)
    expect(finds('_exists_:timestamp', {}, {}, timeMs)).toBe(true)
  })

  test('tocsin_flags are those that intake gave, never what a sender wrote', () => {
    const flagged = new PlainEvent({
      fields: new Map(),
      timeMs: 0,
      receivedMs: 0,
      hash: [0, 0],
      flags: ['duplicate_key', 'forged_self'],
    })
    const { condition } = compileQuery('tocsin_flags:forged_self', { fields: {} })
    const holds = compileCondition(condition!, {})
    expect(holds(flagged)).toBe(true)
    expect(holds(event({ tocsin_flags: 'forged_self' }))).toBe(false)
  })

  test('a field is also found under its Graylog name', () => {
    expect(finds('a_b:x', { 'a.b': 'x' })).toBe(true)
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '%s is a field like any other',
    (name) => {
      expect(finds(`${name}:x`, {})).toBe(false)
      expect(finds(`_exists_:${name}`, {})).toBe(false)
      const view = new PlainEvent({
        fields: new Map([[name, 'x']]),
        timeMs: 0,
        receivedMs: 0,
        hash: [0, 0],
      })
      const { condition } = compileQuery(`${name}:x AND x`, { fields: {} })
      expect(compileCondition(condition!, {})(view)).toBe(true)
    },
  )
})

test('a word without a field is looked for in every field by its type', () => {
  const fields = { message: 'the quick Fox', source: 'DB1', code: 7, user: 'Alice' }
  for (const [query, expected] of Object.entries({
    fox: true,
    db1: true,
    '7': true,
    alice: false,
    Alice: true,
    '"quick fox"': true,
  })) {
    expect([query, finds(query, fields)]).toEqual([query, expected])
  }
})

describe('native tests', () => {
  const part = (
    kind: 'contains' | 'starts_with' | 'ends_with',
    text: string,
    ignoreCase: boolean,
  ) => compileCondition({ kind, field: 'f', text, ignoreCase }, {})
  test.each([
    ['contains', 'Pass', false, 'a Password', true],
    ['contains', 'pass', false, 'a Password', false],
    ['contains', 'PASS', true, 'a Password', true],
    ['starts_with', 'a ', false, 'a Password', true],
    ['ends_with', 'WORD', true, 'a Password', true],
    ['ends_with', 'a', false, 'a Password', false],
    ['contains', '50', false, 1503, true],
  ] as const)('%s %j (ignoring case: %s) in %j: %s', (kind, text, ignoreCase, value, expected) => {
    expect(part(kind, text, ignoreCase)(event({ f: value }))).toBe(expected)
  })

  test.each<[string | number, FieldType | undefined, FieldValue, boolean]>([
    [500, undefined, 500, true],
    [500, undefined, '500', true],
    [500, undefined, '500 ', false],
    ['500', undefined, 500, true],
    ['a', undefined, 'A', false],
    ['Fox', 'text', 'Fox', true],
    ['fox', 'text', 'the fox', false],
    ['DB1', 'lower', 'db1', true],
    ['500', 'keyword', 500, true],
    ['500.0', 'long', 500, true],
    ['2026-11-24', 'date', '2026-11-24T01:00:00Z', true],
  ])('equals %j on %s %j: %s', (value, type, actual, expected) => {
    const types: Record<string, FieldType> = type === undefined ? {} : { f: type }
    const holds = compileCondition({ kind: 'equals', field: 'f', value, ignoreCase: false }, types)
    expect(holds(event({ f: actual }))).toBe(expected)
  })
})

test('compiled trees say what a plain reading of them says', () => {
  const bound = fc.record({ value: fc.integer({ min: -3, max: 3 }), inclusive: fc.boolean() })
  const field = fc.constantFrom('a', 'b', 'c')
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    fc.constant({ kind: 'everything' as const }),
    fc.constant({ kind: 'nothing' as const }),
    fc.record({ kind: fc.constant('exists' as const), field }),
    fc.record({
      kind: fc.constant('range' as const),
      field,
      lower: fc.option(bound),
      upper: fc.option(bound),
    }),
    fc.record({
      kind: fc.constant('equals' as const),
      field,
      value: fc.integer({ min: -3, max: 3 }),
      ignoreCase: fc.boolean(),
    }),
  )
  const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.record({
        kind: fc.constantFrom('all' as const, 'any' as const),
        of: fc.array(tie('tree'), { maxLength: 3 }),
      }),
      tie('tree').map((of): Condition => ({ kind: 'not', of })),
    ),
  }))
  const fields = fc.dictionary(field, fc.integer({ min: -4, max: 4 }), { noNullPrototype: true })
  fc.assert(
    fc.property(tree, fc.array(fields, { minLength: 1, maxLength: 5 }), (condition, events) => {
      const holds = compileCondition(condition, {})
      for (const one of events) expect(holds(event(one))).toBe(naive(condition, one))
    }),
    { numRuns: 300 },
  )
})

function naive(condition: Condition, fields: Readonly<Record<string, number>>): boolean {
  switch (condition.kind) {
    case 'everything':
      return true
    case 'nothing':
      return false
    case 'all':
      return condition.of.every((part) => naive(part, fields))
    case 'any':
      return condition.of.some((part) => naive(part, fields))
    case 'not':
      return !naive(condition.of, fields)
    case 'exists':
      return condition.field in fields
    case 'equals':
      return fields[condition.field] === condition.value
    case 'range': {
      const value = fields[condition.field!]
      return value !== undefined && within(value, condition.lower, condition.upper)
    }
    case 'term':
    case 'phrase':
    case 'prefix':
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      throw new Error(condition.kind)
  }
}

function within(value: number, lower: Bound | null, upper: Bound | null): boolean {
  const from =
    lower === null || value > Number(lower.value) || (lower.inclusive && value === lower.value)
  const to =
    upper === null || value < Number(upper.value) || (upper.inclusive && value === upper.value)
  return from && to
}
