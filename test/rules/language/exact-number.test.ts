import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareNumbers, exactNumber } from '../../../src/rules/language/exact-number.ts'

test.each([
  ['5', 5],
  ['-1', -1],
  ['+7', 7],
  ['007', 7],
  ['404.0', 404],
  ['.5', 0.5],
  ['1e3', 1000],
  ['9223372036854775807', 9223372036854775807n],
  ['-9007199254740993', -9007199254740993n],
])('%s is a number', (text, expected) => {
  expect(exactNumber(text)).toBe(expected)
})

test.each([
  '',
  ' 5',
  '5 ',
  '5ms',
  '0x10',
  '1_000',
  'NaN',
  'Infinity',
  '1e999',
  '1e1000',
  '-',
  '.',
  '1'.repeat(401),
])('%j is none', (text) => {
  expect(exactNumber(text)).toBeUndefined()
})

test('whole numbers of any size are compared exactly', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.bigInt({ min: -2n, max: 2n }),
      (a, step) => {
        const b = a + step
        const order = compareNumbers(exactNumber(String(a))!, exactNumber(String(b))!)
        expect(order).toBe(a < b ? -1 : a > b ? 1 : 0)
      },
    ),
  )
})
