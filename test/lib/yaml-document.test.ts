import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  readYaml,
  YAML_FAULTS_MAX,
  YAML_SIZE_MAX,
  type YamlDocument,
} from '../../src/lib/yaml-document.ts'

const only = (text: string): YamlDocument => {
  const { documents, faults } = readYaml(text)
  expect(faults).toEqual([])
  expect(documents).toHaveLength(1)
  return documents[0]!
}
const codes = (text: string): string[] => readYaml(text).faults.map((fault) => fault.code)

describe('reading YAML', () => {
  test('follows YAML 1.2: no, on and 1_000 are text, 012 is twelve', () => {
    const { value } = only('{a: no, b: on, c: 1_000, d: 012, e: 0o14, f: 1e3, g: ~, h: true}')
    const expected = { a: 'no', b: 'on', c: '1_000', d: 12, e: 12, f: 1000, g: null, h: true }
    expect({ ...(value as object) }).toEqual(expected)
  })

  test('keeps a whole number that a double cannot hold as its text', () => {
    expect((only('n: 9007199254740993').value as { n: unknown }).n).toBe('9007199254740993')
  })

  test('gives objects without a prototype, so __proto__ is a key like any other', () => {
    const value = only('__proto__: {x: 1}\nconstructor: 2').value as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBeNull()
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(({} as { x?: number }).x).toBeUndefined()
  })

  test('takes several documents and leaves out those without content', () => {
    const { documents } = readYaml('a: 1\n---\n# nothing\n---\nb: 2\n---\n')
    expect(documents.map((document) => Object.keys(document.value as object))).toEqual([
      ['a'],
      ['b'],
    ])
  })

  test.each([
    ['an anchor', 'a: &x 1', 'yaml-refused', 1, 4],
    ['an alias', 'b: *x', 'yaml-refused', 1, 4],
    ['a merge key', 'a: 1\n<<: {b: 1}', 'yaml-refused', 2, 1],
    ['a tag of its own', 'a: !!js/function "x"', 'yaml-refused', 1, 4],
    ['a tag of a block', 'a: !set {b}', 'yaml-refused', 1, 4],
    ['a directive', '%YAML 1.1\n---\na: yes', 'yaml-refused', 1, 1],
    ['a block as a key', '? {a: 1}\n: 2', 'yaml-refused', 1, 3],
    ['a duplicate key', 'a: 1\nb: 2\na: 3', 'yaml-duplicate-key', 3, 1],
    ['a duplicate key deep inside', 'x:\n  - {a: 1, "a": 2}', 'yaml-duplicate-key', 2, 12],
    ['a tab as indentation', 'a:\n\tb: 1', 'yaml-syntax', 2, 1],
    ['a control character', 'a: "x\u0007"', 'yaml-syntax', 1, 6],
    ['half a character', 'a: "\ud83d"', 'yaml-syntax', 1, 5],
  ])('refuses %s with its place', (_what, text, code, line, column) => {
    const { documents, faults } = readYaml(text)
    expect(documents).toEqual([])
    expect(faults.find((fault) => fault.code === code)).toMatchObject({ line, column })
  })

  test('reports every fault, up to a limit', () => {
    expect(codes('a: &x 1\nb: *x\nc: !t 1')).toEqual([
      'yaml-refused',
      'yaml-refused',
      'yaml-refused',
    ])
    expect(codes('a: 1\na: 2\nb: {c: 1, c: 2}')).toEqual([
      'yaml-duplicate-key',
      'yaml-duplicate-key',
    ])
    expect(readYaml('!a '.repeat(60_000)).faults).toHaveLength(YAML_FAULTS_MAX)
  })
})

describe('limits before the parser', () => {
  test('a text of exactly the greatest size is read, one byte more is not', () => {
    expect(codes(`# ${'x'.repeat(YAML_SIZE_MAX - 2)}`)).toEqual([])
    expect(codes(`# ${'x'.repeat(YAML_SIZE_MAX - 1)}`)).toEqual(['yaml-too-large'])
    expect(codes(`# ${'é'.repeat(YAML_SIZE_MAX / 2)}`)).toEqual(['yaml-too-large'])
  })

  const nested: readonly (readonly [string, (depth: number) => string])[] = [
    ['flow lists', (n) => '['.repeat(n) + ']'.repeat(n)],
    ['flow maps', (n) => `${'{a: '.repeat(n)}1${'}'.repeat(n)}`],
    ['lists in one line', (n) => `${'- '.repeat(n)}a`],
    ['explicit keys in one line', (n) => `${'? '.repeat(n)}a`],
    ['indented maps', (n) => Array.from({ length: n }, (_, i) => `${' '.repeat(i)}k:`).join('\n')],
    [
      'maps and lists in turn',
      (n) => Array.from({ length: n / 2 }, (_, i) => `${'  '.repeat(i)}- k:`).join('\n'),
    ],
    ['quoted closers between', (n) => `${'[ "]", '.repeat(n)}1${']'.repeat(n)}`],
    [
      'anchored keys',
      (n) => Array.from({ length: n }, (_, i) => `${' '.repeat(i)}"k" :`).join('\n'),
    ],
  ]
  test.each(nested)('%s: 32 levels pass, 34 do not', (_what, text) => {
    expect(codes(text(32))).not.toContain('yaml-too-deep')
    expect(codes(text(34))).toEqual(['yaml-too-deep'])
  })

  test.each(nested)('%s: 600 levels are refused before the parser', (_what, text) => {
    expect(codes(text(600))).toEqual(['yaml-too-deep'])
  })

  test('brackets in text, quotes, comments and block scalars are no nesting', () => {
    const brackets = '['.repeat(40)
    const text = `a: x${brackets}\nb: "${brackets}"\nc: '${brackets}'\n# ${brackets}\nd: |\n  ${brackets}\n`
    expect(codes(text)).toEqual([])
  })

  test('whatever is thrown at it, it answers', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ': ',
      '- ',
      '? ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '|',
      '>',
      '\n',
      '  ',
      '&x ',
      '*x',
      '!t ',
      '#',
      '---\n',
      '...',
      '%',
      '\t',
      '\\',
      '<<',
      '1',
      '\ufeff',
      '\r',
      '\u2028',
      '`',
      '@',
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const { documents, faults } = readYaml(parts.join(''))
        for (const fault of faults) expect(fault.line).toBeGreaterThan(0)
        if (faults.length > 0) expect(documents).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('places', () => {
  const text = [
    'rule: a',
    "where: 'it''s [here'",
    'q: "a\\tb\\u0041c"',
    'b: |',
    '  abc',
    '  def',
    'f: >-',
    '    one',
    '    two',
    'list:',
    '- x: 1',
    '  y: [1, {z: no}]',
    'plain: service:checkout AND',
    '  level:3',
  ].join('\n')

  test.each([
    [['rule'], 'value', 1, 7],
    [['rule'], 'key', 1, 1],
    [['list', 0, 'y', 1, 'z'], 'value', 12, 14],
    [['list', 0, 'y', 1, 'z'], 'key', 12, 11],
    [['list', 0, 'missing'], 'value', 11, 3],
    [[], 'value', 1, 1],
  ] as const)('of %j (%s)', (path, part, line, column) => {
    expect(only(text).locate(path, part)).toMatchObject({ line, column })
  })

  test.each([
    ['single quotes', 'where', 'here', 2, 16],
    ['escapes', 'q', 'A', 3, 9],
    ['a literal block', 'b', 'def', 6, 3],
    ['a folded block', 'f', 'two', 9, 5],
    ['a plain text over two lines', 'plain', 'level', 14, 3],
  ])('inside %s', (_what, key, sought, line, column) => {
    const document = only(text)
    const value = (document.value as Record<string, string>)[key]!
    expect(document.within([key], value.indexOf(sought))).toMatchObject({ line, column })
  })

  test('every letter of a text on one line is found where it was written', () => {
    const letters = fc.string({
      unit: fc.constantFrom('a', 'b', ' ', "'", '"', '\\', ':', '#', 'é'),
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(letters, fc.boolean(), fc.nat(19), (value, isDouble, at) => {
        const index = at % value.length
        const quoted = isDouble ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`
        const source = `k: ${quoted}`
        const document = only(source)
        expect((document.value as { k: string }).k).toBe(value)
        const { column } = document.within(['k'], index)
        const written = source.slice(column - 1)
        const letter = value[index]!
        const expected = isDouble
          ? JSON.stringify(letter).slice(1, -1)
          : letter === "'"
            ? "''"
            : letter
        expect(written.startsWith(expected)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
