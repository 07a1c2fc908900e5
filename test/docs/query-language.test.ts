/** `docs/reference/query-language.md` is run: what is found, warned of and refused. */
import { describe, expect, it } from 'vitest'

import type { FieldValue } from '../../src/model/event.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import { compileQuery, QUERY_LENGTH_MAX } from '../../src/rules/language/graylog-query.ts'
import { QUERY_CLAUSES_MAX, QUERY_DEPTH_MAX } from '../../src/rules/language/query-node.ts'
import { ConditionCompiler } from '../../src/rules/matching/compile-condition.ts'
import { codeIn, readPage, rowsOf } from './page.ts'

const page = readPage('query-language')

/** Whether a query without errors finds an event. */
function finds(query: string, event: string): boolean {
  const { condition, problems } = compileQuery(query, { fields: {} })
  expect(problems).toEqual([])
  const compiler = new ConditionCompiler({})
  const test = compiler.compile(condition!)
  const fields = new Map(Object.entries(JSON.parse(event) as Record<string, FieldValue>))
  const timeMs = Date.parse(String(fields.get('timestamp') ?? '2026-01-01T00:00:00Z'))
  const reader = compiler.reader()
  reader.start(new PlainEvent({ fields, timeMs, receivedMs: timeMs, hash: [0, 0] }))
  return test(reader)
}

describe('what is understood', () => {
  const rows = rowsOf(page, 'query', 'finds', 'not')
  it.each(rows.map((row) => [codeIn(row['query']!), row] as const))('%s', (query, row) => {
    expect(finds(query, codeIn(row['finds']!)), row['finds']).toBe(true)
    expect(finds(query, codeIn(row['not']!)), row['not']).toBe(false)
  })

  it('has rows to run', () => {
    expect(rows.length).toBeGreaterThan(20)
  })
})

describe('what is warned of', () => {
  const rows = rowsOf(page, 'query', 'code', 'because')
  it.each(rows.map((row) => [codeIn(row['query']!), codeIn(row['code']!)]))(
    '%s: %s',
    (query, code) => {
      const { condition, problems } = compileQuery(query, { fields: {} })
      expect(condition).toBeDefined()
      expect(problems.map((problem) => problem.code)).toContain(code)
      expect(problems.every(({ severity }) => severity === 'warning')).toBe(true)
    },
  )
})

describe('what is refused', () => {
  const rows = rowsOf(page, 'query', 'column')
  it.each(rows.map((row) => [codeIn(row['query']!), Number(row['column']), codeIn(row['code']!)]))(
    '%s at column %i: %s',
    (query, column, code) => {
      const { condition, problems } = compileQuery(query, { fields: {} })
      expect(condition).toBeUndefined()
      expect(problems).toMatchObject([{ code, column, severity: 'error' }])
    },
  )
})

it('names the limits', () => {
  const [length, parts, levels] = [QUERY_LENGTH_MAX, QUERY_CLAUSES_MAX, QUERY_DEPTH_MAX].map(
    (limit) => limit.toLocaleString('en'),
  )
  expect(page.text).toContain(
    `at most ${length} characters, ${parts} parts and ${levels} levels of parentheses`,
  )
})
