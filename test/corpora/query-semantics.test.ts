import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { FieldValue } from '../../src/model/event.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import type { FieldType } from '../../src/model/ruleset.ts'
import { compileQuery } from '../../src/rules/language/graylog-query.ts'
import { compileCondition } from '../../src/rules/matching/compile-condition.ts'

const FILE = '../shared/corpora/graylog/query-semantics.json'
if (!existsSync(FILE)) throw new Error(`${FILE} is missing: the corpora are not beside the project`)

const corpus = JSON.parse(readFileSync(FILE, 'utf8'), exactly) as {
  documents: Record<string, FieldValue>[]
  queries: { query: string; answer: string[] }[]
}

function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  const isCut = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isCut ? context?.source : value
}

/** The types that Graylog gave the fields from the first value it saw. */
const TYPES: Record<string, FieldType> = {
  semk: 'keyword',
  fl: 'double',
  li: 'long',
  st: 'keyword',
  dt: 'date',
  gf: 'long',
  kw: 'keyword',
}
/** Our own receive time of these messages: Graylog's `timestamp` of them. */
const RECEIVED_MS = Date.UTC(2026, 10, 24, 8)

const events = corpus.documents.map(({ semk, ...fields }) => ({
  name: String(semk),
  view: new PlainEvent({
    fields: new Map<string, FieldValue>([
      ...Object.entries(fields),
      ['semk', semk!],
      ['source', 'Sem-Host'],
      ['message', `sem ${semk}`],
      ['streams', '000000000000000000000001'],
      ['gl2_source_input', '65a0'],
    ]),
    timeMs: RECEIVED_MS,
    receivedMs: RECEIVED_MS,
    hash: [0, 0],
  }),
}))

/** Documents that Graylog lost for a value of another type than the field's first; we keep them. */
const LOST = new Set(['i5', 'd2', 'k1'])

/** Where Tocsin is exact on purpose: what it answers instead, and what Graylog does there. */
const EXACT: Readonly<Record<string, readonly [answer: readonly string[], why: string]>> = {
  'fl:1795508990': [[], 'fractions are float32 there: 1795509014.176 is kept as 1795508992'],
  'fl:[1795508993 TO 1795509000]': [[], 'as above, and the bounds are rounded too'],
  'fl:16777216': [[], 'float32 cannot hold 16777217'],
  'li:>=9223372036854775807': [['i1', 'i2'], 'a number beyond 64 bits is dropped there'],
  'li:1': [[], 'a field of whole numbers cuts 1.5 down to 1'],
  'li:1.5': [['i3'], 'as above'],
  'gf:1': [['g1'], 'as above: 1.7 is kept as 1'],
  'gf:1.7': [['g2'], 'as above'],
  'gf:[1.5 TO 2]': [['g2'], 'as above'],
  'dt:"2026-11-24 08:00:00.000"': [
    ['d1'],
    'a date with a blank is none there, except in timestamp',
  ],
}

test.each(corpus.queries.map((entry) => [entry.query, entry.answer] as const))(
  '%s',
  (query, answer) => {
    const { condition, problems } = compileQuery(query, { fields: TYPES })
    if (condition === undefined) {
      expect(problems).toMatchObject([{ code: 'query-unsupported', severity: 'error' }])
      return
    }
    const holds = compileCondition(condition, TYPES)
    const found = events.filter(({ view }) => holds(view)).map(({ name }) => name)
    const kept = found.filter((name) => !LOST.has(name))
    expect(kept.toSorted()).toEqual([...(EXACT[query]?.[0] ?? answer)].toSorted())
  },
)
