import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { withoutSpans, type Condition } from '../../../src/rules/language/condition.ts'
import { compileQuery, QUERY_LENGTH_MAX } from '../../../src/rules/language/graylog-query.ts'
import { QUERY_CLAUSES_MAX, QUERY_DEPTH_MAX } from '../../../src/rules/language/query-node.ts'

const compile = (query: string) => compileQuery(query, { fields: {} })
/** A condition in a short form, to read at a glance. */
function short(condition: Condition): string {
  switch (condition.kind) {
    case 'everything':
    case 'nothing':
      return condition.kind
    case 'all':
      return `(${condition.of.map(short).join(' and ')})`
    case 'any':
      return `(${condition.of.map(short).join(' or ')})`
    case 'not':
      return `not ${short(condition.of)}`
    case 'exists':
      return `exists ${condition.field}`
    case 'range': {
      const [open, close] = [
        condition.lower?.inclusive === false ? '{' : '[',
        condition.upper?.inclusive === false ? '}' : ']',
      ]
      return `${condition.field}:${open}${condition.lower?.value ?? '*'} ${condition.upper?.value ?? '*'}${close}`
    }
    case 'equals':
      return `${condition.field} = ${condition.value}`
    case 'term':
    case 'phrase':
    case 'prefix':
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      return `${condition.kind} ${condition.field ?? '*'}:${condition.text}`
  }
}
const meaning = (query: string): string => {
  const { condition, problems } = compile(query)
  expect(problems.filter((problem) => problem.severity === 'error')).toEqual([])
  return short(condition!)
}

describe('what a query means', () => {
  test.each([
    ['ssh', 'term *:ssh'],
    ['type:ssh', 'term type:ssh'],
    ['"ssh login"', 'phrase *:ssh login'],
    ['type:"ssh login"', 'phrase type:ssh login'],
    ['type :( ssh OR login )', '(term type:ssh or term type:login)'],
    ['_exists_:type', 'exists type'],
    ['NOT _exists_:type', 'not exists type'],
    ['type:*', 'exists type'],
    ['*:*', 'everything'],
    ['*', 'everything'],
    ['*:ssh', 'term *:ssh'],
    ['logni*', 'prefix *:logni'],
    ['n:[500 TO 504]', 'n:[500 504]'],
    ['n:{400 TO 404}', 'n:{400 404}'],
    ['n:{0 TO 64]', 'n:{0 64]'],
    ['n:[* TO 5}', 'n:[* 5}'],
    ['n:["a b" TO "c d"]', 'n:[a b c d]'],
    ['n:>400', 'n:{400 *]'],
    ['n:>=400', 'n:[400 *]'],
    ['n:<-1', 'n:[* -1}'],
    ['n:<=400', 'n:[* 400]'],
    ['n:(>=400 AND <500)', '(n:[400 *] and n:[* 500})'],
    ['a\\:b:c\\ d', 'term a:b:c d'],
    ['a:\\u0041', 'term a:A'],
    ['a:\\*', 'term a:*'],
    ['user:(bob smith)', 'term user:bob smith'],
    ['and or not', 'term *:and or not'],
    ['a&&b', 'term *:a&&b'],
  ])('%s', (query, expected) => {
    expect(meaning(query)).toBe(expected)
  })
})

describe('operators, as Lucene joins clauses', () => {
  test.each([
    ['a:1 AND b:1', '(term a:1 and term b:1)'],
    ['a:1 && b:1', '(term a:1 and term b:1)'],
    ['a:1 OR b:1', '(term a:1 or term b:1)'],
    ['a:1 || b:1', '(term a:1 or term b:1)'],
    ['a:1 b:1', '(term a:1 or term b:1)'],
    // No precedence: AND marks both sides as required, and then optional parts do not count.
    ['a:1 OR b:1 AND c:1', '(term b:1 and term c:1)'],
    ['a:1 AND b:1 OR c:1', '(term a:1 and term b:1)'],
    ['(a:1 AND b:1) OR c:1', '((term a:1 and term b:1) or term c:1)'],
    ['NOT a:1', 'not term a:1'],
    ['!a:1', 'not term a:1'],
    ['-a:1', 'not term a:1'],
    ['+a:1 b:1', 'term a:1'],
    ['+a:1 -b:1', '(term a:1 and not term b:1)'],
    ['a:1 NOT b:1', '(term a:1 and not term b:1)'],
    ['NOT a:1 AND b:1', '(term b:1 and not term a:1)'],
    ['NOT a:1 NOT b:1', '(not term a:1 and not term b:1)'],
    ['a:1 AND (NOT b:1)', '(term a:1 and not term b:1)'],
    ['a:(x AND NOT y)', '(term a:x and not term a:y)'],
    ['quick fox AND lazy', '(term *:fox and term *:lazy)'],
    ['a:1 quick fox', '(term a:1 or term *:quick fox)'],
  ])('%s', (query, expected) => {
    expect(meaning(query)).toBe(expected)
  })

  test('a part without any word drops out, and the AND before it still counts', () => {
    expect(meaning('message:fox AND message:"!!"')).toBe('term message:fox')
    expect(meaning('a:1 OR b:1 AND message:"--"')).toBe('term b:1')
    const { condition, problems } = compile('message:"--"')
    expect(short(condition!)).toBe('nothing')
    expect(problems).toMatchObject([{ code: 'never-true', severity: 'warning' }])
  })
})

describe('what is refused', () => {
  test.each([
    ['message:', 9, 'the end of the query'],
    ['foo:bar:baz', 8, 'found ":"'],
    ['code:-1', 6, 'a negative number is quoted'],
    ['"unclosed', 1, 'has no end'],
    ['a:/x', 3, 'has no end'],
    [']', 1, 'not begun'],
    ['(a:b', 1, 'not closed'],
    ['a:b)', 4, 'found ")"'],
    ['()', 2, 'found ")"'],
    ['AND a', 1, 'found "AND"'],
    ['a AND', 6, 'the end of the query'],
    ['NOT NOT a', 5, 'NOT stands once'],
    ['a:b \\', 5, 'escapes nothing'],
    ['a:\\u00g0', 3, 'four hexadecimal digits'],
    ['n:[1 2]', 6, 'expected TO'],
    ['n:[1 TO 2', 3, 'has no end'],
    ['n:[1 TO 2 3]', 11, 'expected "]" or "}"'],
    ['n:[]', 4, 'expected a bound'],
    ['^2', 1, 'found "^2"'],
    ['a^', 2, '"^" needs a number'],
  ])('%s is wrong in Graylog too', (query, column, message) => {
    const { condition, problems } = compile(query)
    expect(condition).toBeUndefined()
    expect(problems).toMatchObject([{ code: 'query-syntax', severity: 'error', line: 1, column }])
    expect(problems[0]!.message).toContain(message)
  })

  test.each([
    ['', 1, 'write * to match every event'],
    ['a:?ox', 3, 'wildcard at the start'],
    ['a:*ox', 3, 'wildcard at the start'],
    ['a:qu*k', 3, 'wildcards inside a word'],
    ['a:qu?', 3, 'wildcards inside a word'],
    ['a:/fo[ox]/', 3, 'regular expressions'],
    ['a:fox~1', 6, 'fuzzy'],
    ['a:"x y"~2', 8, 'distance in phrases'],
    ['a:fox^2', 6, 'no meaning without scores'],
    ['(a b)^2', 6, 'no meaning without scores'],
    ['t:[now-5d TO now]', 4, 'relative to now'],
    ['t:>now-1h', 3, 'relative to now'],
    ['user_\\*:x', 1, 'several fields'],
    ['_exists_:us*', 1, 'the whole name'],
    ['_exists_:*', 1, 'the whole name'],
    ['_exists_:[a TO b]', 10, 'not a range'],
  ])('%s is not evaluated by this version', (query, column, message) => {
    const { condition, problems } = compile(query)
    expect(condition).toBeUndefined()
    expect(problems).toMatchObject([{ code: 'query-unsupported', severity: 'error', column }])
    expect(problems[0]!.message).toContain(message)
  })

  test.each([
    ['parentheses', '('.repeat(QUERY_DEPTH_MAX + 1) + 'a', QUERY_DEPTH_MAX + 1, 'nested deeper'],
    [
      'clauses',
      `${'a OR '.repeat(QUERY_CLAUSES_MAX)}a`,
      QUERY_CLAUSES_MAX * 5 - 2,
      'more than 1024',
    ],
    ['characters', 'x'.repeat(QUERY_LENGTH_MAX + 1), 1, 'at most'],
  ])('too many %s', (_what, query, column, message) => {
    const { problems } = compile(query)
    expect(problems).toMatchObject([{ code: 'query-unsupported', column }])
    expect(problems[0]!.message).toContain(message)
  })

  test('the place is the line and column of a query over several lines', () => {
    expect(compile('a:b AND\n  c:d?e').problems).toMatchObject([{ line: 2, column: 5 }])
  })

  test('a message stays on one line', () => {
    for (const query of ['a:b\r\n\u001b31m\nAND', 'a:?\u001b', `a:?${'x'.repeat(30_000)}`]) {
      const { message } = compile(query).problems[0]!
      expect(message).not.toMatch(/\p{Cc}/u)
      expect(message.length).toBeLessThan(600)
    }
  })
})

describe('what is pointed out', () => {
  test.each([
    ['a:b c:d', 'bare-or', 5],
    ['(x:1 AND y:2) z:3', 'bare-or', 15],
    ['x:1 AND (a:b c:d)', 'bare-or', 14],
    ['- fox', 'lone-operator', 1],
    ['n:>= 500', 'lone-operator', 3],
    ['n:(>=3 <5)', 'comparison-run', 4],
  ])('%s: %s', (query, code, column) => {
    const { condition, problems } = compile(query)
    expect(condition).toBeDefined()
    expect(problems).toContainEqual(expect.objectContaining({ code, column, severity: 'warning' }))
  })

  const typed = { n: 'long', t: 'date', m: 'text' } as const
  test.each([
    ['n:abc', 'holds numbers'],
    ['n:[1 TO x]', 'holds numbers'],
    ['n:4*', 'begin with no text'],
    ['t:soon', 'holds dates'],
    ['t:>2026-13', 'holds dates'],
    ['a:1 AND n:"5 ms"', 'holds numbers'],
  ])('%s: a value that its field can never hold', (query, message) => {
    const { condition, problems } = compileQuery(query, { fields: typed })
    expect(condition).toBeDefined()
    expect(problems).toMatchObject([{ code: 'invalid-value', severity: 'warning' }])
    expect(problems[0]!.message).toContain(message)
  })

  test.each(['n:5', 'n:>=5.5', 't:2026', 't:[* TO "2026-11-24 08:00:00.000"]', 'm:abc', 'z:abc'])(
    '%s: nothing',
    (query) => {
      expect(compileQuery(query, { fields: typed }).problems).toEqual([])
    },
  )

  test.each([
    't:now',
    't:"now-5d"',
    't:["now-5d" TO *]',
    't:"2026-01-01||/M"',
    'timestamp:>"x" OR timestamp:now/d',
  ])('dates relative to now are refused where a field holds dates, quoted or not: %s', (query) => {
    expect(compileQuery(query, { fields: typed }).condition).toBeUndefined()
  })

  test.each(['a:b OR c:d', 'a:b AND c:d', '+a:b -c:d', 'a:b NOT c:d', 'quick fox'])(
    '%s: nothing',
    (query) => {
      expect(compile(query).problems).toEqual([])
    },
  )
})

test('lexer and parser answer every text, and do so in linear time', () => {
  const piece = fc.constantFrom(
    'a',
    'b:',
    ':',
    'AND',
    'OR',
    'NOT',
    '&&',
    '||',
    '!',
    '+',
    '-',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ' TO ',
    '"',
    '\\',
    '/',
    '^2',
    '~',
    '*',
    '?',
    ' ',
    '\n',
    '>=',
    '<',
    '_exists_:',
    'now-1d',
    'é',
    '\u3000',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
      const query = parts.join('')
      const { condition, problems } = compile(query)
      const errors = problems.filter((problem) => problem.severity === 'error')
      expect(errors).toHaveLength(condition === undefined ? 1 : 0)
      for (const { line, column } of problems) {
        expect(line).toBeGreaterThan(0)
        expect(column).toBeGreaterThan(0)
      }
    }),
    { numRuns: 500 },
  )
})

test('a tree written as a query is read back as the same tree', () => {
  const word = fc.constantFrom(
    'alpha',
    'Beta',
    'x1',
    'a:b',
    'c d',
    '(',
    'AND',
    '*',
    '"',
    '\\',
    '>5',
    'é',
  )
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({
      kind: fc.constant('phrase' as const),
      field: fc.constantFrom('f', 'g h'),
      text: word,
    }),
    fc.record({ kind: fc.constant('exists' as const), field: fc.constantFrom('f', 'g') }),
  )
  const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({
        kind: fc.constantFrom('all' as const, 'any' as const),
        of: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }),
      }),
      tie('tree').map((of): Condition => ({ kind: 'not', of })),
    ),
  }))
  fc.assert(
    fc.property(tree, (condition) => {
      const { condition: read, problems } = compile(written(condition))
      expect(problems.filter((problem) => problem.severity === 'error')).toEqual([])
      expect(normal(withoutSpans(read!))).toEqual(normal(condition))
    }),
    { numRuns: 200 },
  )
})

function written(condition: Condition): string {
  switch (condition.kind) {
    case 'all':
      return `(${condition.of.map(written).join(' AND ')})`
    case 'any':
      return `(${condition.of.map(written).join(' OR ')})`
    case 'not':
      return `(NOT ${written(condition.of)})`
    case 'exists':
      return `_exists_:${condition.field}`
    case 'phrase':
      return `${condition.field!.replaceAll(' ', '\\ ')}:"${condition.text.replaceAll(/["\\]/g, '\\$&')}"`
    case 'everything':
    case 'nothing':
    case 'range':
    case 'equals':
    case 'term':
    case 'prefix':
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      throw new Error(`no text for ${condition.kind}`)
  }
}

/** Lists of conditions in one order, since clauses that are denied come last. */
function normal(condition: Condition): unknown {
  if (condition.kind === 'not') return { not: normal(condition.of) }
  if (condition.kind !== 'all' && condition.kind !== 'any') return condition
  const parts = condition.of.map(normal).map((part) => JSON.stringify(part))
  return { [condition.kind]: parts.sort() }
}
