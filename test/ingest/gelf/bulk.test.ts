import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { splitBulk } from '../../../src/ingest/gelf/bulk.ts'

function pieces(body: string, isLines = false) {
  const bytes = Buffer.from(body)
  const bulk = splitBulk(bytes, isLines)
  if ('reason' in bulk) return bulk
  const texts = bulk.starts.map((start, i) => bytes.toString('utf8', start, bulk.ends[i]))
  return { form: bulk.form, texts, places: bulk.places }
}

const blank = fc.constantFrom('', ' ', '\n', '\r\n\t')
const message = fc
  .dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.stringify(value))

test('an array gives each of its elements, whatever stands in their texts', () => {
  const property = fc.property(
    fc.array(message),
    fc.array(blank, { minLength: 2, maxLength: 2 }),
    (texts, [before, behind]) => {
      const body = `${before}[${before}${texts.join(`${before},${behind}`)}${behind}]${behind}`
      expect(pieces(body)).toEqual({ form: 'array', texts, places: texts.map((_, i) => i) })
    },
  )
  fc.assert(property, { numRuns: 200 })
})

test('lines give each that is not blank, with its number from 1', () => {
  const property = fc.property(
    fc.array(fc.oneof(message, fc.constantFrom('', '  ')), { minLength: 2 }),
    fc.boolean(),
    (lines, isCrlf) => {
      const expected = lines
        .map((text, i) => [text, i + 1] as const)
        .filter(([text]) => text.trim() !== '')
      const found = pieces(lines.join(isCrlf ? '\r\n' : '\n'), true)
      expect('texts' in found && found.texts.map((text) => text.trimEnd())).toEqual(
        expected.map(([text]) => text),
      )
      expect('places' in found && found.places).toEqual(expected.map(([, line]) => line))
    },
  )
  fc.assert(property, { numRuns: 200 })
})

describe('without a word from the content type', () => {
  test.each<[string, string, string[]]>([
    ['one object', 'single', ['{"a":1}']],
    ['one object over several lines', 'single', ['{\n"a":\n[1,\n2]}\n']],
    ['a text with brackets', 'single', ['{"a":"}\\"]\\\\"} ']],
  ])('%s is one message', (_, form, texts) => {
    expect(pieces(` ${texts[0]}`)).toEqual({ form, texts, places: [0] })
  })

  test('objects with a line feed between them are lines', () => {
    expect(pieces('{"a":"\\n"}\n{"b":2}\n')).toEqual({
      form: 'lines',
      texts: ['{"a":"\\n"}', '{"b":2}'],
      places: [1, 2],
    })
  })

  test('what is broken is left to the check of the message', () => {
    for (const body of ['', '{', '{"a":1}{"b":2}', '}', '"', 'nonsense', '{"a":1\n{"b":2}']) {
      expect(pieces(body)).toMatchObject({ form: 'single', texts: [body] })
    }
  })
})

describe('an array that is not one', () => {
  test.each<[string, number]>([
    ['[', 0],
    ['[{}', 0],
    ['[{},', 1],
    ['[{},]', 1],
    ['[,{}]', 0],
    ['[{}{}]', 0],
    ['[{} {}]', 0],
    ['[{}]]', 0],
    ['[{}] x', 0],
    ['[{}}', 0],
  ])('%s is refused at %i', (body, place) => {
    expect(pieces(body)).toEqual({ reason: 'json', form: 'array', place })
  })
})

test('more than 5,000 messages are refused in both forms', () => {
  const list = Array.from({ length: 5_001 }, () => '{}')
  expect(pieces(`[${list.join()}]`)).toEqual({ reason: 'too_many', form: 'array', place: 5_000 })
  expect(pieces(list.join('\n'))).toEqual({ reason: 'too_many', form: 'lines', place: 5_001 })
  expect(pieces(`[${list.slice(1).join()}]`)).toMatchObject({ form: 'array' })
})
