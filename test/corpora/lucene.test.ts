import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { FieldValue } from '../../src/model/event.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import type { FieldType } from '../../src/model/ruleset.ts'
import { compileQuery } from '../../src/rules/language/graylog-query.ts'
import { compileCondition } from '../../src/rules/matching/compile-condition.ts'

const FOLDER = '../shared/corpora/lucene'
/** Share of the queries with a stated answer that this version evaluates; it may only rise. */
const ACCEPTED_FLOOR = 0.8

interface Case {
  readonly id: string
  readonly query: string
  readonly confidence: 'high' | 'medium' | 'low'
  readonly outcome: 'ok' | 'parse_error'
  readonly matches: readonly string[] | null
}

const lines = <T>(file: string): T[] => {
  const path = `${FOLDER}/${file}`
  if (!existsSync(path))
    throw new Error(`${path} is missing: the corpora are not beside the project`)
  const text = readFileSync(path, 'utf8').trimEnd()
  return text.split('\n').map((line) => JSON.parse(line) as T)
}

const { types } = JSON.parse(readFileSync(`${FOLDER}/mapping.json`, 'utf8')) as {
  types: Record<string, FieldType>
}
const events = lines<Record<string, FieldValue>>('docs.jsonl').map(({ id, ...fields }) => ({
  id: String(id),
  view: new PlainEvent({
    fields: new Map(Object.entries(fields)),
    timeMs: 0,
    receivedMs: 0,
    hash: [0, 0],
  }),
}))
const cases = lines<Case>('queries.jsonl')

function answer(query: string): { ids: string[] } | { code: string; column: number | undefined } {
  const { condition, problems } = compileQuery(query, { fields: types })
  const error = problems.find((problem) => problem.severity === 'error')
  if (condition === undefined) return { code: error!.code, column: error!.column }
  const test = compileCondition(condition, types)
  return { ids: events.filter((event) => test(event.view)).map((event) => event.id) }
}

describe('queries that real Lucene answered over Graylog fields', () => {
  test.each(cases.map((entry) => [entry.id, entry.query, entry] as const))(
    '%s %j',
    (_id, query, { outcome, matches }) => {
      const got = answer(query)
      if (outcome === 'parse_error') {
        expect(got).not.toHaveProperty('ids')
        expect(got).toHaveProperty('column')
        return
      }
      if ('code' in got) {
        expect(got.code).toBe('query-unsupported')
        expect(got.column).toBeGreaterThan(0)
        return
      }
      expect(got.ids.toSorted()).toEqual([...matches!].toSorted())
    },
  )

  test('most of them are evaluated, not refused', () => {
    const good = cases.filter((entry) => entry.outcome === 'ok')
    const accepted = good.filter((entry) => 'ids' in answer(entry.query))
    const errors = cases.length - good.length
    const refused = good.length - accepted.length
    process.stdout.write(
      `lucene: ${cases.length} queries: ${accepted.length} answered, ${refused} refused as not yet supported, ${errors} wrong and refused\n`,
    )
    expect(accepted.length / good.length).toBeGreaterThanOrEqual(ACCEPTED_FLOOR)
  })
})
