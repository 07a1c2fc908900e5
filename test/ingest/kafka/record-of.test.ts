import { expect, test } from 'vitest'

import { recordOf } from '../../../src/ingest/kafka/record-of.ts'

/** Headers as kafkajs makes them of names that every object knows. */
const fromPrototype = {
  toString: [Object.prototype, Buffer.from('a')],
  ['__proto__']: [Object.prototype, Buffer.from('b')],
} as unknown as Record<string, Buffer[]>

test.each([
  ['none', undefined, []],
  ['one', { a: Buffer.from('1') }, [['a', '1']]],
  [
    'a repeated one',
    { a: [Buffer.from('1'), Buffer.from('2')] },
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['a text', { a: '1' }, [['a', '1']]],
  ['one without a value', { a: undefined }, []],
  [
    'names of JavaScript',
    fromPrototype,
    [
      ['toString', 'a'],
      ['__proto__', 'b'],
    ],
  ],
])('headers of a record: %s', (_, headers, expected) => {
  const message = {
    key: null,
    value: null,
    timestamp: '5',
    offset: '7',
    ...(headers && { headers }),
  }
  const record = recordOf('t', 1, message)
  expect(record).toMatchObject({ topic: 't', partition: 1, offset: 7, timestampMs: 5, value: null })
  expect(record.headers.map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual(
    expected,
  )
})
