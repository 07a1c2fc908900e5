import { assert, property, string } from 'fast-check'
import { expect, test } from 'vitest'

import { fieldsOf, format, record } from './read-event.ts'

const text = format('text')

test.each([
  ['a line', 'disk full', { source: 'orders', message: 'disk full' }],
  ['a line with its break', 'disk full\r\n', { source: 'orders', message: 'disk full' }],
  ['several lines', 'a\nb', { source: 'orders', message: 'a\nb' }],
  ['JSON, which stays text', '{"a":1}', { source: 'orders', message: '{"a":1}' }],
  [
    'quotes and escapes',
    '"\\u0041\u0000\u001b[31m',
    { source: 'orders', message: '"\\u0041\u0000\u001b[31m' },
  ],
  ['nothing', '', 'message'],
  ['only spaces', ' \n', 'message'],
  ['no UTF-8', Buffer.from([0x61, 0xff]), 'utf8'],
  ['a character that is cut off', Buffer.from('Grü').subarray(0, 3), 'utf8'],
  ['more than a message may have', 'x'.repeat(1_048_576), 'too_long'],
])('%s', (_, value, expected) => {
  expect(fieldsOf(text, record(value))).toEqual(expected)
})

test('the source can be given', () => {
  const named = format({ format: 'text', source: 'mainframe' })
  expect(fieldsOf(named, record('m'))).toEqual({ source: 'mainframe', message: 'm' })
})

test('whatever a line holds is its message', () => {
  assert(
    property(string({ unit: 'grapheme', minLength: 1 }), (line) => {
      const message = line.replace(/[\r\n]+$/, '')
      const expected = message.trim() === '' ? 'message' : { source: 'orders', message }
      expect(fieldsOf(text, record(line))).toEqual(expected)
    }),
  )
})
