import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { keyHash } from '../../../src/ingest/normalise/key-hash.ts'
import { KIND } from '../../../src/ingest/normalise/json-bytes.ts'
import { FieldScan } from '../../../src/ingest/normalise/scan.ts'

/** What stands around the record in a real buffer must never be read as part of it. */
const BEFORE = Buffer.from('"}{"a":"')
const BEHIND = Buffer.from('"}]}1e"')

const scan = new FieldScan()

function scanned(record: Uint8Array | string): ReturnType<FieldScan['scan']> {
  const bytes = Buffer.concat([BEFORE, Buffer.from(record as string), BEHIND])
  return scan.scan(bytes, BEFORE.length, bytes.length - BEHIND.length)
}

/** The members of the last scan, each parsed by itself. */
function members(): [string, unknown][] {
  return Array.from({ length: scan.count }, (_, member) => {
    const isText = scan.kinds[member] === KIND.text ? 1 : 0
    const [start, end] = [scan.valueStart[member]! - isText, scan.valueEnd[member]! + isText]
    return [scan.name(member), JSON.parse(scan.bytes.toString('utf8', start, end)) as unknown]
  })
}

function parsed(record: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(record))
  } catch {
    return undefined
  }
}

function expectLikeJsonParse(record: Uint8Array): void {
  const value = parsed(record)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const rejection = scanned(record)
  expect(rejection === undefined, Buffer.from(record).toString()).toBe(isObject)
  if (!isObject) return
  // JSON.parse sorts names that are whole numbers first, so both sides are sorted.
  const sorted = (list: [string, unknown][]) => list.sort(([a], [b]) => (a < b ? -1 : 1))
  expect(sorted(members())).toEqual(sorted(Object.entries(value)))
}

/** JSON as other programs write it: spaces anywhere, any escape for any character. */
const awkwardJson = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 8 }), fc.jsonValue({ maxDepth: 4 }), {
      maxKeys: 8,
    }),
    fc.infiniteStream(fc.nat(20)),
  )
  .map(([object, dice]) => {
    const text = JSON.stringify(object)
    let out = ''
    let inText = false
    for (let i = 0; i < text.length; i++) {
      const char = text[i]!
      const roll = dice.next().value!
      if (char === '\\') {
        const length = text[i + 1] === 'u' ? 6 : 2
        out += text.slice(i, i + length)
        i += length - 1
      } else if (char === '"') {
        inText = !inText
        out += !inText && roll < 5 ? `${char} ` : char
      } else if (inText) {
        out += roll < 3 ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char
      } else {
        out += roll < 3 && '{}[]:,'.includes(char) ? `${char}\n\t ` : char
      }
    }
    return Buffer.from(out)
  })

describe('one JSON text against JSON.parse', () => {
  test('objects are accepted with equal names and values', () => {
    fc.assert(fc.property(awkwardJson, expectLikeJsonParse), { numRuns: 300 })
  })

  test('every text of any JSON value is judged alike', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('', ' ', '{}', ' {} ', '[]', '{'),
    )
    fc.assert(
      fc.property(texts, (text) => expectLikeJsonParse(Buffer.from(text))),
      { numRuns: 200 },
    )
  })

  test('bytes that were changed, lost or doubled are judged alike', () => {
    const byte = fc.oneof(
      fc.constantFrom(...Buffer.from('{}[]":,\\ \n0123456789eE+-.utfnrabl\u0000\u001f\u007f')),
      fc.nat(255),
    )
    const change = fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'add'), byte)
    fc.assert(
      fc.property(
        awkwardJson,
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (json, changes) => {
          const bytes = [...json]
          for (const [at, how, value] of changes) {
            const i = at % (bytes.length + 1)
            bytes.splice(i, how === 'add' ? 0 : 1, ...(how === 'cut' ? [] : [value]))
          }
          expectLikeJsonParse(Uint8Array.from(bytes))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test.each([
    '{"a":1}x',
    '{"a":1}{"b":2}',
    '{"a":1,}',
    '{,}',
    '{"a"}',
    '{"a":}',
    '{"a" 1}',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":1e+}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":tru}',
    '{"a":nul}',
    '{"a":falsy}',
    '{"a":truefalse}',
    '{"a":"\u0001"}',
    '{"a":"\t"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12G4"}',
    '{"a":"\\u123"}',
    '{"a":"\\"}',
    '{"a":"',
    '{"a":"}',
    '{"a":[}',
    '{"a":{}',
    '{"a":[1 2]}',
    '{"a":[1,]}',
    '{"a":[,1]}',
    '{"a":{"b"}}',
    '{"a":{"b":1,}}',
    '{"a":[1}}',
    '{"a":{"b":1]}',
    '{"a":1]',
    '{"a":/**/1}',
    '{"a":1}//',
    '{"',
    '{}}',
    '\u{feff}{}',
    'nonsense',
  ])('%j is refused as bad JSON', (text) => {
    expect(parsed(Buffer.from(text))).toBeUndefined()
    expect(scanned(text)).toBe('json')
  })

  test.each([
    '{"a":"\\ud800"}',
    '{"\\ud800":1}',
    '{"a":-0}',
    '{"a":1E+2}',
    '{"":""}',
    '{"a":[[],{},[{}]]}',
    '\r\n{ }\t',
  ])('%j is taken', (text) => expectLikeJsonParse(Buffer.from(text)))
})

describe('limits', () => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

  test.each([
    ['31 levels in a field make 32', nested(31), undefined],
    ['32 levels in a field', nested(32), 'depth'],
    ['objects count like arrays', `{"a":${'{"a":'.repeat(32)}1${'}'.repeat(32)}}`, 'depth'],
    ['half a million levels', nested(500_000), 'depth'],
    ['an unclosed flood of brackets', `{"a":${'['.repeat(1_000_000)}}`, 'depth'],
    [
      '512 fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 512 }, (_, i) => [`k${i}`, i]))),
      undefined,
    ],
    [
      '513 fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`k${i}`, i]))),
      'fields',
    ],
    ['600 times one field', `{${Array.from({ length: 600 }, () => '"a":1').join()}}`, 'fields'],
    ['a name of 256 bytes', JSON.stringify({ ['k'.repeat(256)]: 1 }), undefined],
    ['a name of 257 bytes', JSON.stringify({ ['k'.repeat(257)]: 1 }), 'fields'],
    ['more than 1 MiB', JSON.stringify({ a: 'x'.repeat(1_048_576) }), 'too_long'],
    ['no byte', '', 'too_short'],
    ['one byte', '{', 'too_short'],
    ['null', 'null', 'not_an_object'],
    ['an array', '[{"a":1}]', 'not_an_object'],
    ['a number', '-12', 'not_an_object'],
    ['a text', '"abc"', 'not_an_object'],
  ])('%s', (_, text, expected) => {
    expect(scanned(text)).toBe(expected)
  })

  test.each([
    ['a stray continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate as bytes', [0xed, 0xa0, 0x80]],
    ['beyond the last code point', [0xf4, 0x90, 0x80, 0x80]],
    ['a character cut off', [0xe2, 0x82]],
  ])('%s is not UTF-8, in a value and in a name', (_, bad) => {
    const bytes = Buffer.from(bad)
    expect(scanned(Buffer.concat([Buffer.from('{"a":"'), bytes, Buffer.from('"}')]))).toBe('utf8')
    expect(scanned(Buffer.concat([Buffer.from('{"'), bytes, Buffer.from('":1}')]))).toBe('utf8')
  })

  test('a double keeps its place, takes the last value and is noticed, however it is spelt', () => {
    expect(scanned('{"ab":1,"c":2,"a\\u0062":3}')).toBeUndefined()
    expect(members()).toEqual([
      ['ab', 3],
      ['c', 2],
    ])
    expect(scan.hasDoubles).toBe(true)
    expect(scanned('{"ab":1,"c":2}')).toBeUndefined()
    expect(scan.hasDoubles).toBe(false)
  })

  test('names that were built to have one hash are refused: comparing them would be slow', () => {
    const record = (names: string[]) =>
      JSON.stringify(Object.fromEntries(names.map((name) => [name, 1])))
    const names = collidingNames(7)
    const hashes = new Set(names.map((name) => keyHash(Buffer.from(name), 0, name.length)))
    expect([new Set(names).size, hashes.size]).toEqual([128, 1])
    expect(scanned(record(names))).toBe('fields')
    // A few may happen.
    expect(scanned(record(names.slice(0, 8)))).toBeUndefined()
    expect(scan.count).toBe(8)
  })
})

/** 2^steps names of one hash: pieces that collide after a common beginning, one after the other. */
function collidingNames(steps: number): string[] {
  let names = ['']
  for (let step = 0; step < steps; step++) {
    const seen = new Map<number, string>()
    for (let i = 0; ; i++) {
      // Scattered, because neighbours rarely collide.
      const piece = (Math.imul(i, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0')
      const name = Buffer.from(names[0] + piece)
      const hash = keyHash(name, 0, name.length)
      const other = seen.get(hash)
      seen.set(hash, piece)
      if (other === undefined) continue
      names = names.flatMap((begun) => [begun + other, begun + piece])
      break
    }
  }
  return names
}
