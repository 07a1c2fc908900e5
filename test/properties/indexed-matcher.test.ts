/**
 * The indexed matcher is an optimisation of the plain one: the same rows, counts and missing groups
 * for any rules and any events, whatever JSON, Unicode and field types can do to an equality.
 */
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { EventView, FieldValue } from '../../src/model/event.ts'
import { MatchBuilder } from '../../src/model/match-builder.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import type { FieldType } from '../../src/model/ruleset.ts'
import type { Condition } from '../../src/rules/language/condition.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'
import type { Matcher } from '../../src/rules/matching/matcher.ts'
import { createPlainMatcher } from '../../src/rules/matching/plain-matcher.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'
import { ruleOf } from '../rules/rule-builder.ts'

const RUNS = 400

/** Few, so that they meet; `a_b` also finds `a.b`. */
const FIELDS = ['f', 'g', 'a_b', 'message', 'source', 'level', 'timestamp', 'tocsin_flags']
const TYPES: readonly FieldType[] = ['text', 'lower', 'keyword', 'long', 'double', 'date']

/** What is equal under one reading and not under another. */
const TEXTS = [
  'x',
  'X',
  'x y',
  'é',
  'É',
  'e\u0301',
  'İ',
  'i',
  'ς',
  'Σ',
  'ß',
  '😀',
  '\u0000',
  ' ',
  ' 5',
  '5',
  '5.0',
  '05',
  '+5',
  '0',
  '-0',
  '1e3',
  '1000',
  '0x10',
  'NaN',
  'true',
  'duplicate_key',
  '9007199254740992',
  '9007199254740993',
  '9223372036854775807',
  '1e999',
  '2026-11-24',
  'quick fox',
  'a quick foxes',
  'QUICK FOX',
  'İstanbul',
  'istanbul',
  '😀😀 ok',
  '{"a":[1]}',
  '[1,2]',
  '1764000000000',
  '1764000000',
]
const NUMBERS = [5, 0, -0, 5.5, 1_000, 404, 2 ** 53, 1e21, 1_764_000_000, 1_764_000_000_000]

const textArb = fc.constantFrom(...TEXTS)
const numberArb = fc.constantFrom(...NUMBERS)
const valueArb = fc.oneof(textArb, numberArb)
const fieldArb = fc.constantFrom(...FIELDS)
const boundArb = fc.option(fc.record({ value: valueArb, inclusive: fc.boolean() }))

const testArb: fc.Arbitrary<Condition> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('term', 'phrase'),
      field: fc.option(fieldArb, { freq: 9 }),
      text: textArb,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('equals' as const),
      field: fieldArb,
      value: valueArb,
      ignoreCase: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant('prefix' as const), field: fc.option(fieldArb), text: textArb }),
  fc.record({ kind: fc.constant('exists' as const), field: fieldArb }),
  fc.record({
    kind: fc.constant('range' as const),
    field: fieldArb,
    lower: boundArb,
    upper: boundArb,
  }),
  fc.record({
    kind: fc.constantFrom('contains', 'starts_with', 'ends_with'),
    field: fieldArb,
    text: textArb,
    ignoreCase: fc.boolean(),
  }),
)

const { condition: conditionArb } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: testArb },
    fc.constantFrom<Condition>({ kind: 'everything' }, { kind: 'nothing' }),
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('all', 'any'),
        of: fc.array(tie('condition'), { maxLength: 4 }),
      }),
    },
    fc.record({ kind: fc.constant('not' as const), of: tie('condition') }),
  ),
}))

const rulesetArb: fc.Arbitrary<CompiledRuleset> = fc
  .record({
    conditions: fc.array(
      fc.record({
        condition: conditionArb,
        groupBy: fc.subarray(['f', 'source'], { maxLength: 1 }),
        inputs: fc.subarray(['in', 'other']),
        clock: fc.constantFrom('event', 'received'),
      }),
      { minLength: 1, maxLength: 60, size: 'max' },
    ),
    counters: fc.array(fc.tuple(conditionArb, conditionArb), { maxLength: 3 }),
  })
  .map(({ conditions, counters }) => ({
    hash: 'random',
    rules: conditions.map((over) => ruleOf({ kind: 'match' }, over)),
    counters: counters.map(([total, bad], i) => {
      return { id: `c${i}`, inputs: [], total, bad, groupBy: ['g'] }
    }),
  }))

const fieldsArb = fc.dictionary(fieldArb, fc.constantFrom(...TYPES), { maxKeys: 4 })

/** Names as GELF writes them, some with escapes; a name may come twice. */
const nameArb = fc.constantFrom(
  '"_f"',
  '"f"',
  '"_g"',
  '"_\\u0067"',
  '"_a.b"',
  '"_a_b"',
  '"level"',
  '"_level"',
  '"timestamp"',
  '"message"',
  '"full_message"',
  '"_source"',
  '"_forwarder"',
  '"_tocsin_self"',
)
const jsonValueArb = fc.oneof(
  textArb.map((text) => JSON.stringify(text)),
  textArb.map(escaped),
  numberArb.map((number) => JSON.stringify(number)),
  fc.constantFrom('9007199254740993', '-0', '5.0', '1e3', '1E999', 'null', 'true', '""'),
  fc.constantFrom('{"a" : [1]}', '[1, 2]', '{"a":{"b":{"c":[[[5]]]}}}'),
)
const gelfArb = fc
  .array(fc.tuple(nameArb, jsonValueArb), { maxLength: 8 })
  .map((members) => [['"host"', '"X"'], ['"short_message"', '"x y"'], ...members])
  .map((members) => `{${members.map(([name, value]) => `${name}:${value}`).join(',')}}`)

const plainArb = fc
  .dictionary(fc.constantFrom(...FIELDS, 'a.b'), fc.oneof(valueArb, fc.constant(Number.NaN)))
  .map((fields: Record<string, FieldValue>): EventView => {
    const at = { timeMs: 1_764_000_000_000, receivedMs: 1_764_000_000_005, hash: [1, 2] as const }
    return new PlainEvent({ fields: new Map(Object.entries(fields)), ...at })
  })

const eventsArb = fc.array(fc.oneof({ weight: 3, arbitrary: gelfArb }, plainArb), {
  minLength: 1,
  maxLength: 6,
})

it('the indexed matcher answers as the plain one', () => {
  let rows = 0
  let [asked, all] = [0, 0]
  fc.assert(
    fc.property(
      rulesetArb,
      fieldsArb,
      eventsArb,
      fc.constantFrom('in', undefined),
      (ruleset, fields, events, input) => {
        const plain = createPlainMatcher(ruleset, input, fields)
        const indexed = createIndexedMatcher(ruleset, input, fields)
        const expected = answerOf(plain, events)
        expect(answerOf(indexed, events)).toEqual(expected)
        expect(indexed.asked).toBeLessThanOrEqual(plain.asked)
        rows += expected.rows.length
        asked += indexed.asked
        all += plain.asked
      },
    ),
    { numRuns: RUNS },
  )
  // A test in which nothing matches, or nothing is spared, would compare nothing.
  expect(rows).toBeGreaterThan(RUNS)
  expect(asked).toBeLessThan(all * 0.9)
})

/** Few letters, so that much of it is found in much else. */
const longTextArb = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', 'É', 'é', 'İ', ' ', '-', '😀'),
  minLength: 4,
  maxLength: 14,
})

/** Conditions about characters of these texts: cut out of them, most often. */
const charactersArb = fc
  .record({
    texts: fc.array(longTextArb, { minLength: 1, maxLength: 4 }),
    cuts: fc.array(
      fc.record({
        kind: fc.constantFrom('contains', 'starts_with', 'ends_with', 'prefix', 'term', 'phrase'),
        text: fc.nat(),
        from: fc.nat({ max: 6 }),
        length: fc.nat({ max: 8 }),
        ignoreCase: fc.boolean(),
      }),
      { minLength: 12, maxLength: 30, size: 'max' },
    ),
  })
  .map(({ texts, cuts }) => {
    const conditions = cuts.map(({ kind, text, from, length, ignoreCase }) => {
      const cut = texts[text % texts.length]!.slice(from, from + length + 3)
      return { kind, field: 'f', text: cut, ignoreCase }
    })
    return { texts, conditions }
  })

it.each(['text', 'lower', 'keyword', undefined] as const)(
  'characters are found wherever the plain matcher finds them, in a field of type %s',
  (type) => {
    let [rows, asked, all] = [0, 0, 0]
    fc.assert(
      fc.property(charactersArb, longTextArb, ({ texts, conditions }, other) => {
        const rules = conditions.map((condition) =>
          ruleOf({ kind: 'match' }, { condition, groupBy: [] }),
        )
        const ruleset = { hash: 'random', rules, counters: [] }
        const fields = type === undefined ? {} : { f: type }
        const events = [...texts, other].map(
          (text) => `{"host":"h","short_message":"m","_f":${JSON.stringify(text)}}`,
        )
        const plain = createPlainMatcher(ruleset, undefined, fields)
        const indexed = createIndexedMatcher(ruleset, undefined, fields)
        const expected = answerOf(plain, events)
        expect(answerOf(indexed, events)).toEqual(expected)
        rows += expected.rows.length
        asked += indexed.asked
        all += plain.asked
      }),
      { numRuns: RUNS / 4 },
    )
    expect(rows).toBeGreaterThan(RUNS)
    expect(asked).toBeLessThan(all)
  },
)

function answerOf(matcher: Matcher, events: readonly (string | EventView)[]) {
  const out = new MatchBuilder()
  const gelf = new GelfEvent()
  for (const [ordinal, event] of events.entries()) {
    let view = gelf as EventView
    if (typeof event === 'string') {
      const bytes = Buffer.from(event)
      if (gelf.scan(bytes, 0, bytes.length, 1_764_000_000_005) !== undefined) continue
    } else {
      view = event
    }
    matcher.match(view, ordinal, 7, out)
  }
  return out.finish()
}

/** The same text with every UTF-16 unit as an escape. */
function escaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}
