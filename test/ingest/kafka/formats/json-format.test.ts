import { assert, constantFrom, dictionary, jsonValue, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { escapedName, jsonMembers } from '../../../../src/ingest/kafka/formats/json-members.ts'
import { gelfSeconds } from '../../../../src/ingest/kafka/formats/record-time.ts'
import { fieldsOf, format, read, record, RECEIVED_MS } from './read-event.ts'

const json = format('json')
const ecs = format({
  format: 'json',
  fields: { time: '@timestamp', source: 'host.name', message: 'log.original' },
})

test('a nested record becomes dotted fields, three of them by the mapping', () => {
  const value = {
    '@timestamp': '2026-11-24T08:00:00.250Z',
    host: { name: 'web-1', cpu: { count: 4 } },
    log: { original: 'payment refused', level: 'error' },
    http: { response: { status_code: 502 } },
    tags: ['a', { b: 1 }],
    ok: false,
    none: null,
    empty: {},
  }
  expect(read(ecs, record(JSON.stringify(value)))).toMatchObject([
    {
      timeMs: Date.UTC(2026, 10, 24, 8, 0, 0, 250),
      flags: [],
      fields: {
        source: 'web-1',
        message: 'payment refused',
        'host.cpu.count': 4,
        'log.level': 'error',
        'http.response.status_code': 502,
        tags: '["a",{"b":1}]',
        ok: 'false',
        empty: '{}',
      },
    },
  ])
})

describe('names', () => {
  test.each([
    [
      'fields keep their names, an underscore in front included',
      { a: 1, _b: 2, 'c.d': 3, id: 4 },
      { a: 1, _b: 2, 'c.d': 3, id: 4 },
    ],
    [
      'what GELF means something else by gets a prefix',
      { host: 'x', short_message: 'y', version: 2, _id: 'z' },
      { json_host: 'x', json_short_message: 'y', json_version: 2, json__id: 'z' },
    ],
    [
      'nobody writes where a record stood but we',
      { kafka_topic: 'mine', kafka_offset: 9 },
      { json_kafka_topic: 'mine', json_kafka_offset: 9 },
    ],
    [
      'nobody forwards or signs a JSON record',
      { _forwarder: 'f', level: 1, _tocsin_self: 's' },
      { _forwarder: 'f', level: 1, _tocsin_self: 's' },
    ],
    [
      'names of JavaScript are names',
      { ['__proto__']: 1, constructor: { name: 'n' } },
      { ['__proto__']: 1, 'constructor.name': 'n' },
    ],
  ])('%s', (_, given, expected) => {
    // JSON.stringify leaves no doubt about __proto__ only when it is an own property.
    const text = JSON.stringify(
      Object.fromEntries([['source', 's'], ['message', 'm'], ...Object.entries(given)]),
    )
    const fields = fieldsOf(json, record(text))
    expect(Object.entries(fields)).toEqual(
      expect.arrayContaining(Object.entries({ source: 's', message: 'm', ...expected })),
    )
    expect(read(json, record(text))).toMatchObject([
      { fields: { kafka_topic: 'orders', kafka_offset: 7 } },
    ])
  })
})

test('numbers are never rounded on the way', () => {
  const text = '{"message":"m","big":9007199254740993,"huge":1e999,"tiny":0.1,"neg":-0}'
  expect(fieldsOf(json, record(text))).toMatchObject({
    big: '9007199254740993',
    huge: '1e999',
    tiny: 0.1,
  })
})

describe('what is missing', () => {
  test('a record without a message has its own text for one, cut between characters', () => {
    const short = '{"source":"s", "order": 7}'
    expect(fieldsOf(json, record(short))).toEqual({ source: 's', message: short, order: 7 })
    const long = `{"a":"${'😀'.repeat(2_000)}"}`
    const fields = fieldsOf(json, record(long)) as Record<string, string>
    expect(fields['message']).toBe(`{"a":"${'😀'.repeat(509)}`)
  })

  test.each(['""', '"  "', 'null', '{"nested":1}'])('so has one whose message is %s', (message) => {
    const text = `{"message":${message}}`
    expect(fieldsOf(json, record(text))).toMatchObject({ message: text })
  })

  test('a message or source that is no text is one as it was written', () => {
    expect(fieldsOf(json, record('{"message":42,"source":["a"]}'))).toEqual({
      message: '42',
      source: '["a"]',
    })
  })

  test('a record without a source is flagged, one without a time is as old as its receipt', () => {
    expect(read(json, record('{"message":"m"}'))).toMatchObject([
      { flags: ['missing_source'], timeMs: RECEIVED_MS },
    ])
  })
})

test.each([
  ['2026-11-24T08:00:00Z', Date.UTC(2026, 10, 24, 8)],
  ['2026-11-24 08:00:00,123', Date.UTC(2026, 10, 24, 8, 0, 0, 123)],
  ['2026-11-24T08:00:00.1234567+01:00', Date.UTC(2026, 10, 24, 7, 0, 0, 123)],
  ['2026-11-24T08:00:00.5-0130', Date.UTC(2026, 10, 24, 9, 30, 0, 500)],
  ['1795000000', 1_795_000_000_000],
  ['1795000000.25', 1_795_000_000_250],
  ['1.795E9', 1_795_000_000_000],
  ['1795000000250', 1_795_000_000_250],
  ['1795000000250123', 1_795_000_000_250],
  ['1795000000250123456', 1_795_000_000_250],
  ['2026-13-24T08:00:00Z', undefined],
  ['2026-11-24', undefined],
  ['yesterday', undefined],
  ['-5', undefined],
  ['0', undefined],
  ['', undefined],
])('the time %j is read', (text, ms) => {
  const seconds = gelfSeconds(text)
  expect(seconds === undefined ? undefined : Math.round(Number(seconds) * 1_000)).toBe(ms)
})

test('a time that cannot be read is flagged, and the receipt counts', () => {
  for (const time of ['"soon"', 'true', '"2026-99-99T00:00:00Z"', '-1']) {
    expect(read(json, record(`{"message":"m","source":"s","timestamp":${time}}`))).toMatchObject([
      { flags: ['timestamp_replaced'], timeMs: RECEIVED_MS },
    ])
  }
})

test.each([
  ['a tombstone holds nothing', null, []],
  ['no object', '"text"', 'not_an_object'],
  ['not JSON', '{"a":', 'json'],
  ['two objects', '{"a":1}{"b":2}', 'json'],
  ['no UTF-8', Buffer.from('{"a":"\xff"}', 'latin1'), 'utf8'],
  ['33 levels', `{"a":${'{"b":'.repeat(32)}1${'}'.repeat(33)}`, 'depth'],
  [
    '513 fields',
    JSON.stringify(Object.fromEntries(Array.from({ length: 513 }, (_, i) => [i, i]))),
    'fields',
  ],
  [
    '513 nested fields',
    JSON.stringify({ a: Object.fromEntries(Array.from({ length: 513 }, (_, i) => [i, i])) }),
    'fields',
  ],
  ['too long a path', `{"${'a'.repeat(200)}":{"${'b'.repeat(200)}":1}}`, 'fields'],
])('%s: what is refused says why', (_, value, expected) => {
  expect(read(json, record(value))).toEqual(expected)
})

test('members are those that JSON.parse finds, with the same values', () => {
  const name = string({ maxLength: 4 })
  const object = dictionary(name, jsonValue({ maxDepth: 3 }), { maxKeys: 5 })
  assert(
    property(object, constantFrom('', ' ', '\n\t'), (value, space) => {
      const text = space === '' ? JSON.stringify(value) : JSON.stringify(value, null, space)
      const found = jsonMembers(text).map(({ path, source }) => [
        JSON.parse(`"${path}"`),
        JSON.parse(source),
      ])
      // JSON has no -0.
      expect(found).toEqual(flat(JSON.parse(text) as object))
    }),
  )
})

/** The plain version: leaves of an object by dotted path, empty objects and arrays whole. */
function flat(value: object, prefix = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const path = prefix + name
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    if (!isObject || Object.keys(inner).length === 0) return [[path, inner] as [string, unknown]]
    return flat(inner, `${path}.`)
  })
}

test('a name is compared by what it says, not by how it is escaped', () => {
  const mapped = format({ format: 'json', fields: { message: 'größe"' } })
  expect(escapedName('größe"')).toBe('größe\\"')
  expect(fieldsOf(mapped, record('{"source":"s","gr\\u00f6\\u00dfe\\u0022":"found"}'))).toEqual({
    source: 's',
    message: 'found',
  })
})
