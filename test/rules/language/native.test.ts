import { describe, expect, test } from 'vitest'
import { readYaml } from '../../../src/lib/yaml-document.ts'
import { DocumentReader } from '../../../src/model/document-reader.ts'
import { withoutSpans } from '../../../src/rules/language/condition.ts'
import { readCondition } from '../../../src/rules/language/native.ts'

const read = (where: string) => {
  const { documents } = readYaml(`where: ${where}`)
  const reader = new DocumentReader(documents[0]!, 'r.yaml')
  const condition = readCondition(reader, ['where'], {})
  return { condition: condition && withoutSpans(condition), problems: reader.problems }
}
const equals = (field: string, value: string | number) => ({
  kind: 'equals',
  field,
  value,
  ignoreCase: false,
})

describe('native conditions', () => {
  test.each<[string, unknown]>([
    ['{ a: 1 }', equals('a', 1)],
    ['{ a: x, b: true }', { kind: 'all', of: [equals('a', 'x'), equals('b', 'true')] }],
    ['{ a: [x, 2] }', { kind: 'any', of: [equals('a', 'x'), equals('a', 2)] }],
    [
      '{ any: [{ a: 1 }, "b:2"] }',
      { kind: 'any', of: [equals('a', 1), { kind: 'term', field: 'b', text: '2' }] },
    ],
    ['{ all: [{ a: 1 }] }', equals('a', 1)],
    ['{ not: { a: 1 } }', { kind: 'not', of: equals('a', 1) }],
    ['{ a: { exists: true } }', { kind: 'exists', field: 'a' }],
    ['{ a: { exists: false } }', { kind: 'not', of: { kind: 'exists', field: 'a' } }],
    [
      '{ a: { gte: 500, lt: 600 } }',
      {
        kind: 'range',
        field: 'a',
        lower: { value: 500, inclusive: true },
        upper: { value: 600, inclusive: false },
      },
    ],
    [
      '{ a: { gt: 2026-11-24 } }',
      { kind: 'range', field: 'a', lower: { value: '2026-11-24', inclusive: false }, upper: null },
    ],
    ['{ a: { contains: X } }', { kind: 'contains', field: 'a', text: 'X', ignoreCase: false }],
    [
      '{ a: { starts_with: [x, y], case: insensitive } }',
      {
        kind: 'any',
        of: [
          { kind: 'starts_with', field: 'a', text: 'x', ignoreCase: true },
          { kind: 'starts_with', field: 'a', text: 'y', ignoreCase: true },
        ],
      },
    ],
    [
      '{ a: { ends_with: z, equals: [1, 2] } }',
      {
        kind: 'all',
        of: [
          { kind: 'ends_with', field: 'a', text: 'z', ignoreCase: false },
          { kind: 'any', of: [equals('a', 1), equals('a', 2)] },
        ],
      },
    ],
    [
      '{ a: [{ gte: 5 }, none] }',
      {
        kind: 'any',
        of: [
          { kind: 'range', field: 'a', lower: { value: 5, inclusive: true }, upper: null },
          equals('a', 'none'),
        ],
      },
    ],
    ['{ __proto__: 1 }', equals('__proto__', 1)],
  ])('%s', (where, expected) => {
    const { condition, problems } = read(where)
    expect(problems).toEqual([])
    expect(condition).toEqual(expected)
  })

  test.each([
    ['{ a: { gtee: 1 } }', 'unknown-operator', 'gtee', 'did you mean "gte"'],
    ['{ a: { matches: x } }', 'not-yet', 'x', 'later version'],
    ['{ a: { gt: 1, gte: 2 } }', 'unexpected', '1', 'second lower bound'],
    ['{ a: { gt: [1] } }', 'unexpected', '[1]', 'expected a number'],
    ['{ a: { contains: "" } }', 'unexpected', '""', 'not empty'],
    ['{ a: { case: insensitive } }', 'unexpected', '{ case', 'expected an operator'],
    ['{ a: { contains: x, case: upper } }', 'unexpected', 'upper', 'sensitive, insensitive'],
    ['{ a: { exists: 1 } }', 'unexpected', '1', 'true or false'],
    ['{ a: null }', 'unexpected', 'null', '{ exists: false }'],
    ['{ a: .nan }', 'unexpected', '.nan', 'expected a text'],
    ['{ a: [] }', 'unexpected', '[]', 'matches nothing'],
    ['{ all: [], a: 1 }', 'unexpected', '[]', 'must stand alone'],
    ['{ all: [] }', 'unexpected', '[]', 'at least one condition'],
    ['{}', 'unexpected', '{}', 'expected a Graylog query'],
    ['[a]', 'unexpected', '[a]', 'found a list'],
    ['12', 'unexpected', '12', 'expected a Graylog query'],
    ['{ any: [{ a: 1 }, "b:?x"] }', 'query-unsupported', '?x', 'wildcard'],
  ])('refuses %s', (where, code, fragment, message) => {
    const column = `where: ${where}`.indexOf(fragment) + 1
    const { condition, problems } = read(where)
    expect(condition).toBeUndefined()
    expect(problems).toMatchObject([{ code, severity: 'error', file: 'r.yaml', line: 1, column }])
    expect(problems[0]!.message).toContain(message)
  })

  test('reports every wrong part at once', () => {
    expect(read('{ any: [{ a: { gtee: 1 } }, "x:/y/", { b: [] }] }').problems).toHaveLength(3)
  })
})
