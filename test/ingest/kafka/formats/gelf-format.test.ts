import { assert, constantFrom, array, dictionary, jsonValue, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { FieldScan } from '../../../../src/ingest/normalise/scan.ts'
import { fieldsOf, format, read, record } from './read-event.ts'

const gelf = format('gelf')

test('a GELF record is the event it holds, and knows where it stood', () => {
  const value =
    '{"version":"1.1","host":"web-1","short_message":"refused","_user":"ann","level":3} '
  expect(read(gelf, record(value, { key: Buffer.from('ann') }))).toMatchObject([
    {
      fields: {
        source: 'web-1',
        message: 'refused',
        user: 'ann',
        level: 3,
        kafka_topic: 'orders',
        kafka_partition: 2,
        kafka_offset: 7,
        kafka_key: 'ann',
      },
      flags: [],
    },
  ])
})

describe('keys and headers', () => {
  const chosen = format({ format: 'gelf', headers: ['X-Request-Id', 'tenant'] })
  const value = '{"host":"h","short_message":"m"}'

  test.each([
    ['no key', null, undefined],
    ['an empty key', Buffer.alloc(0), undefined],
    ['a key that is no text, in base64', Buffer.from([0xff, 0, 1]), '/wAB'],
    ['a key with quotes and a line break', Buffer.from('a"b\n'), 'a"b\n'],
  ])('%s', (_, key, expected) => {
    expect(fieldsOf(gelf, record(value, { key }))).toEqual({
      source: 'h',
      message: 'm',
      ...(expected !== undefined && { kafka_key: expected }),
    })
  })

  test('headers become fields only when chosen, of a repeated one the last, of 64 at most', () => {
    const headers = [
      ['x-request-id', Buffer.from('r1')],
      ['secret', Buffer.from('s')],
      ['x-request-id', Buffer.from('r2')],
      ...Array.from({ length: 10_000 }, () => ['tenant', Buffer.from('t')] as const).slice(0, 61),
      ['tenant', Buffer.from([0xff])],
      ['tenant', Buffer.from('beyond the limit')],
    ] as const
    expect(fieldsOf(chosen, record(value, { headers }))).toMatchObject({
      kafka_header_x_request_id: 'r2',
      kafka_header_tenant: 't',
    })
    expect(fieldsOf(chosen, record(value, { headers }))).not.toHaveProperty('kafka_header_secret')
  })

  test.each(['kafka_topic', '_kafka_topic', '\\u006bafka_topic'])(
    'a sender who writes %s himself does not win',
    (name) => {
      for (const text of [
        `{"${name}":"mine",${value.slice(1)}`,
        `${value.slice(0, -1)},"${name}":1}`,
      ]) {
        expect(read(gelf, record(text))).toMatchObject([{ fields: { kafka_topic: 'orders' } }])
      }
    },
  )
})

test.each([
  ['a tombstone holds nothing', null, []],
  ['an empty record', '', 'too_short'],
  ['an object without members', '{}', 'message'],
  ['no object', '[1]', 'not_an_object'],
  ['no JSON', 'plain text', 'json'],
  ['a trailing comma', '{"host":"h","short_message":"m",}', 'json'],
  ['two values', '{"host":"h","short_message":"m"}{"a":1}', 'json'],
  ['bytes that are no UTF-8', Buffer.from('{"host":"h","short_message":"\xff"}', 'latin1'), 'utf8'],
  ['10 MiB', `{"host":"h","short_message":"${'x'.repeat(10_485_760)}"}`, 'too_long'],
  ['33 levels', `{"short_message":"m","a":${'['.repeat(32)}${']'.repeat(32)}}`, 'depth'],
])('%s: what is refused says why', (_, value, expected) => {
  expect(read(gelf, record(value))).toEqual(expected)
})

test('what is put in makes no bad text good, and no good text bad', () => {
  const scan = new FieldScan()
  const verdict = (bytes: Buffer) => scan.scan(bytes, 0, bytes.length) === undefined
  const good = dictionary(string(), jsonValue({ maxDepth: 2 }), { maxKeys: 4 }).map((value) =>
    JSON.stringify(value),
  )
  const pieces = constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ',',
    ':',
    'a',
    '1',
    ' ',
    '"a":',
    '{"a":1',
  )
  const any = array(pieces, { maxLength: 12 }).map((parts) => parts.join(''))
  const holds = (text: string) => {
    const decoded = gelf(record(text))
    if ('rejection' in decoded) throw new Error(decoded.rejection)
    expect(verdict(Buffer.from(decoded.messages[0]!)), text).toBe(verdict(Buffer.from(text)))
  }
  assert(property(good, holds))
  assert(property(any, holds), { numRuns: 5_000 })
})
