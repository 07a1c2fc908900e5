import { describe, expect, test } from 'vitest'

import { GelfEvent } from '../../../src/ingest/normalise/gelf-event.ts'
import type { Rejection } from '../../../src/ingest/source.ts'
import { hash64 } from '../../../src/lib/hash64.ts'
import { selfMarker, selfMaterial, verifySelfMarker } from '../../../src/lib/self-marker.ts'
import { RECEIVED_MS } from '../memory-sink.ts'

const event = new GelfEvent()

function read(record: string | object): Rejection | undefined {
  const bytes = Buffer.from(typeof record === 'string' ? record : JSON.stringify(record))
  return event.scan(bytes, 0, bytes.length, RECEIVED_MS)
}

/** The fields of a message beside its core. */
function fieldsOf(more: object | string): Record<string, unknown> {
  const core = '"host":"h","short_message":"m"'
  const text = typeof more === 'string' ? more : JSON.stringify(more).slice(1, -1)
  expect(read(`{${core}${text === '' ? '' : `,${text}`}}`)).toBeUndefined()
  const { source, message, timestamp, ...fields } = event.fields()
  expect([source, message, timestamp]).toEqual(['h', 'm', event.timeMs])
  return fields
}

describe('names', () => {
  test.each<[string, object, object]>([
    ['an underscore goes', { _user: 'a' }, { user: 'a' }],
    ['only one underscore goes', { __x: 1 }, { _x: 1 }],
    ['a name without underscore stays', { facility: 'f', foo: 'b' }, { facility: 'f', foo: 'b' }],
    ['version is no field, _version is one', { version: '1.1', _version: '7' }, { version: '7' }],
    [
      'full_message wins over _full_message',
      { _full_message: 'no', full_message: 'f' },
      { full_message: 'f' },
    ],
    ['_full_message stands in for a missing one', { _full_message: 'f' }, { full_message: 'f' }],
    ['the doubles of Graylog do not win', { _source: 'x', _message: 'x', _timestamp: 'x' }, {}],
    ['_host and _short_message are dropped', { _host: 'x', _short_message: 'x' }, {}],
    ['_id is dropped', { _id: 'x' }, {}],
    [
      'file, line and facility win over their doubles',
      { _file: 'x', file: 'a.c', _line: 1, line: 7 },
      { file: 'a.c', line: 7 },
    ],
    ['of two spellings the first wins', { _a: 1, a: 2, b: 3, _b: 4 }, { a: 1, b: 3 }],
    ['null and the empty text are missing', { _a: null, _b: '' }, {}],
    ['null in one spelling leaves the other', { _a: null, a: 1 }, { a: 1 }],
    [
      'names of Object.prototype are only names',
      { _toString: 'a', hasOwnProperty: 'b' },
      { toString: 'a', hasOwnProperty: 'b' },
    ],
  ])('%s', (_, more, expected) => {
    expect({ ...fieldsOf(more) }).toEqual(expected)
  })

  test('a dot is found under an underscore, and under itself', () => {
    fieldsOf({ '_a.b': 'x', '_c.d.e': 1 })
    expect(['a.b', 'a_b', 'c_d_e', 'c_d.e', 'a-b'].map((name) => event.get(name))).toEqual([
      'x',
      'x',
      1,
      undefined,
      undefined,
    ])
    expect(event.names()).toContain('a.b')
  })

  test('a name that is written with escapes is the same name', () => {
    expect(fieldsOf('"_\\u0061b":1,"\\u005fcd":2')).toEqual({ ab: 1, cd: 2 })
    expect(read('{"h\\u006fst":"x","short_message":"m"}')).toBeUndefined()
    expect(event.get('source')).toBe('x')
  })

  test('a field is read anew from the next record, also when it is missing there', () => {
    fieldsOf({ _a: 'one' })
    expect(event.get('a')).toBe('one')
    fieldsOf({ _b: 'two' })
    expect(event.get('a')).toBeUndefined()
    expect(read('nonsense')).toBe('json')
    expect([event.get('b'), event.get('timestamp'), event.get('message'), event.names()]).toEqual([
      undefined,
      undefined,
      undefined,
      [],
    ])
  })

  test('more names than are remembered are still found', () => {
    for (let i = 0; i < 3_000; i++) event.get(`name-${i}`)
    fieldsOf({ '_name-2999': 1, _late: 'x' })
    expect([event.get('name-2999'), event.get('late')]).toEqual([1, 'x'])
  })
})

describe('what Graylog forwarded', () => {
  const forwarded = '"_forwarder":"org.graylog2.outputs.GelfOutput"'

  test.each<[string, unknown]>([
    ['"level":1', undefined],
    ['"level":1,"_level":4', 4],
    ['"level":1,"_level":9', undefined],
    ['"level":1,"_level":-3', undefined],
    ['"level":1,"_level":"error"', undefined],
    ['"level":1,"_level":null', undefined],
  ])('the level of {%s} is %s', (level, expected) => {
    fieldsOf(`${level},${forwarded}`)
    expect(event.get('level')).toBe(expected)
  })

  test('the last _id is graylog_id', () => {
    fieldsOf(`"_id":"mine",${forwarded},"_id":"45b6"`)
    expect([event.get('graylog_id'), event.get('id'), event.flags]).toEqual([
      '45b6',
      undefined,
      ['duplicate_key'],
    ])
  })
})

describe('values', () => {
  test.each<[string, unknown]>([
    ['"a\\u00fc\\n\\"\\\\\\/"', 'aü\n"\\/'],
    ['"grün €\\uD83D\\uDE00"', 'grün €😀'],
    ['"\\ud800"', '\ud800'],
    ['" a "', ' a '],
    ['true', 'true'],
    ['false', 'false'],
    ['0', 0],
    ['-1.5', -1.5],
    ['1e3', 1000],
    ['1.0E-9', 1e-9],
    ['-0', -0],
    ['1.0E21', 1e21],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992],
    ['9007199254740993', '9007199254740993'],
    ['-123456789012345678', '-123456789012345678'],
    ['9.007199254740993e15', '9.007199254740993e15'],
    ['1e999', '1e999'],
    ['-1e400', '-1e400'],
    ['1e-400', '1e-400'],
    ['0e-400', 0],
    ['0.10000000000000000555', 0.1],
    ['[ "a", "b" ]', '["a","b"]'],
    ['{ "a" : { "b" : [ 1.50 , null ] } }', '{"a":{"b":[1.50,null]}}'],
    ['["\\u0061 \\"b\\"", "c  d"]', '["a \\"b\\"","c  d"]'],
    ['[]', '[]'],
  ])('%s', (json, expected) => {
    expect(fieldsOf(`"_v":${json}`)['v']).toBe(expected)
  })

  test('long records give the same values as short ones', () => {
    const pad = 'é'.repeat(5_000)
    expect(fieldsOf({ _pad: pad, _v: 'plain', _w: 'grün' })).toEqual({ pad, v: 'plain', w: 'grün' })
  })

  test.each<[string, unknown]>([
    ['6', 6],
    ['"3"', 3],
    ['" 3 "', 3],
    ['-3', undefined],
    ['"-3"', undefined],
    ['9', 9],
    ['3.7', 3],
    ['"error"', 'error'],
    ['null', undefined],
  ])('level %s', (level, expected) => {
    fieldsOf(`"level":${level}`)
    expect(event.get('level')).toBe(expected)
  })

  test('_level stands in for a missing level', () => {
    fieldsOf({ _level: '4' })
    expect(event.get('level')).toBe(4)
  })
})

describe('what must be there', () => {
  test.each<[string, Rejection | undefined]>([
    ['{"short_message":"m"}', undefined],
    ['{"message":"m"}', undefined],
    ['{"short_message":"","message":"m"}', undefined],
    ['{"short_message":null,"message":"m"}', undefined],
    ['{"host":42,"short_message":"m"}', 'host'],
    ['{"host":"","short_message":"m"}', 'host'],
    ['{"host":" \\n","short_message":"m"}', 'host'],
    ['{"host":"h"}', 'message'],
    ['{"host":"h","short_message":42}', 'message'],
    ['{"host":"h","short_message":42,"message":"m"}', 'message'],
    ['{"host":"h","short_message":"  "}', 'message'],
    ['{"host":"h","short_message":"\\u0020\\t"}', 'message'],
    ['{"host":"h","message":42}', 'message'],
    ['{"host":"h","_message":"m"}', 'message'],
    ['{}', 'message'],
  ])('%s', (record, expected) => {
    expect(read(record)).toBe(expected)
    if (expected === undefined) expect(event.get('message')).toBe('m')
  })

  test('a missing host is taken and flagged; _source stands in', () => {
    expect(read({ short_message: 'm' })).toBeUndefined()
    expect([event.flags, event.get('source'), event.get('tocsin_flags')]).toEqual([
      ['missing_source'],
      undefined,
      'missing_source',
    ])
    expect(read({ short_message: 'm', host: null, _source: 's' })).toBeUndefined()
    expect(event.get('source')).toBe('s')
  })
})

describe('time', () => {
  const ahead = RECEIVED_MS + 5 * 60_000

  test.each<[string, number, string[]]>([
    ['1385053862.3072', 1385053862307, []],
    ['1.385053862307E9', 1385053862307, []],
    ['"1500646980.661"', 1500646980661, []],
    ['1795286250.737', 1795286250737, []],
    ['1500646980', 1500646980000, []],
    ['1500646980661', 1500646980661, []],
    [String(ahead / 1000), ahead, []],
    [String((ahead + 1) / 1000), RECEIVED_MS, ['timestamp_ahead']],
    ['1500646980661000', RECEIVED_MS, ['timestamp_ahead']],
    ['"Foobar"', RECEIVED_MS, ['timestamp_replaced']],
    ['"2026-11-24T10:00:00Z"', RECEIVED_MS, ['timestamp_replaced']],
    ['""', RECEIVED_MS, ['timestamp_replaced']],
    ['"0x10"', RECEIVED_MS, ['timestamp_replaced']],
    ['true', RECEIVED_MS, ['timestamp_replaced']],
    ['[1]', RECEIVED_MS, ['timestamp_replaced']],
    ['0', RECEIVED_MS, ['timestamp_replaced']],
    ['-5', RECEIVED_MS, ['timestamp_replaced']],
    ['1e308', RECEIVED_MS, ['timestamp_replaced']],
    ['1e400', RECEIVED_MS, ['timestamp_replaced']],
    ['null', RECEIVED_MS, []],
  ])('timestamp %s', (text, timeMs, flags) => {
    fieldsOf(`"timestamp":${text}`)
    expect([event.timeMs, event.get('timestamp'), event.flags]).toEqual([timeMs, timeMs, flags])
  })

  test('no timestamp is the receive time, without a flag: GELF allows it', () => {
    fieldsOf('')
    expect([event.timeMs, event.receivedMs, event.flags]).toEqual([RECEIVED_MS, RECEIVED_MS, []])
  })
})

describe('flags', () => {
  test.each(['__proto__', '___proto__', 'constructor', '_constructor', 'prototype', '_prototype'])(
    '%s is data, and flagged',
    (key) => {
      const fields = fieldsOf(`"${key}":{"polluted":1}`)
      expect(event.flags).toEqual(['prototype_key'])
      const name = key === '__proto__' ? key : key.replace(/^_/, '')
      expect(event.get(name)).toBe('{"polluted":1}')
      expect(Object.getPrototypeOf(event.fields())).toBe(null)
      expect(fields[name]).toBe('{"polluted":1}')
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    },
  )

  test('a double is flagged and its last value taken', () => {
    expect(read('{"short_message":"a","host":"h","short_message":"b"}')).toBeUndefined()
    expect([event.get('message'), event.flags]).toEqual(['b', ['duplicate_key']])
  })

  test.each<[string, string, number]>([
    ['ASCII', 'x'.repeat(40_000), 32_768],
    ['two-byte characters', 'é'.repeat(20_000), 32_768],
    ['three-byte characters, cut before the limit', '€'.repeat(20_000), 32_766],
    ['four-byte characters', '😀'.repeat(10_000), 32_768],
  ])('a long value of %s is cut at a character and flagged', (_, value, bytes) => {
    const text = fieldsOf({ _v: value })['v'] as string
    expect([Buffer.byteLength(text), value.startsWith(text), event.flags]).toEqual([
      bytes,
      true,
      ['value_cut'],
    ])
  })

  test('escapes count as the characters they are', () => {
    expect(fieldsOf(`"_v":"${'\\u0061'.repeat(32_768)}"`)['v']).toHaveLength(32_768)
    expect(event.flags).toEqual([])
    expect(fieldsOf(`"_v":"${'\\u0061'.repeat(32_769)}"`)['v']).toHaveLength(32_768)
    expect(event.flags).toEqual(['value_cut'])
  })

  test('long arrays and long numbers are cut too', () => {
    expect(fieldsOf({ _v: Array.from({ length: 20_000 }, () => 1) })['v']).toHaveLength(32_768)
    expect(event.flags).toEqual(['value_cut'])
    expect(fieldsOf(`"_v":${'1'.repeat(40_000)}`)['v']).toBe('1'.repeat(32_768))
  })

  test('conditions read the flags as a field that no sender can write', () => {
    fieldsOf({ _tocsin_flags: 'spoofed' })
    expect([event.get('tocsin_flags'), event.names()]).toEqual([
      undefined,
      ['source', 'message', 'timestamp'],
    ])
    fieldsOf('"a":1,"a":2,"constructor":1,"_tocsin_flags":"spoofed"')
    expect(event.get('tocsin_flags')).toBe('duplicate_key prototype_key')
    expect(event.names()).toContain('tocsin_flags')
  })
})

describe('the marker of our own log (I12)', () => {
  const key = Buffer.from('0123456789abcdef')
  const own = new GelfEvent({
    verifySelf: (marker, material) => verifySelfMarker(key, marker, material),
  })
  const marked = (marker: unknown, changed: Readonly<Record<string, unknown>> = {}) => {
    const written = { host: 'tocsin-1', short_message: 'grün', timestamp: 1795514399.737, _n: 7 }
    const record = { ...written, ...changed, _tocsin_self: marker }
    const bytes = Buffer.from(JSON.stringify(record))
    expect(own.scan(bytes, 0, bytes.length, RECEIVED_MS)).toBeUndefined()
    return [own.isOwn, own.flags]
  }
  const covered = { source: 'tocsin-1', message: 'grün', n: 7 }
  const right = selfMarker(key, selfMaterial(1795514399737, covered))

  test('a marker that verifies makes the record ours', () => {
    expect(marked(right)).toEqual([true, []])
  })

  test('a forged one is flagged and evaluated like any event', () => {
    for (const marker of [
      right.replace(/^./, 'x'),
      '',
      'true',
      true,
      right.toUpperCase(),
      [right],
    ]) {
      if (marker === '') expect(marked(marker)).toEqual([false, []])
      else expect(marked(marker)).toEqual([false, ['forged_self']])
    }
  })

  test.for([
    { what: 'another time', changed: { timestamp: 1795514399.738 } },
    { what: 'another source', changed: { host: 'tocsin-2' } },
    { what: 'another text', changed: { short_message: 'rot' } },
    { what: 'another value of a field', changed: { _n: 8 } },
    { what: 'a field less', changed: { _n: undefined } },
    { what: 'a field more', changed: { _user: 'mallory' } },
    { what: 'a level', changed: { level: 1 } },
    { what: 'a full message', changed: { full_message: 'sshd: accepted password for root' } },
    { what: "a field in Graylog's name that it does not add", changed: { _gl2_user: 'mallory' } },
  ])('a marker copied onto a record with $what is forged', ({ changed }) => {
    expect(marked(right, changed)).toEqual([false, ['forged_self']])
  })

  test('fields of two names and values do not add up to the same material', () => {
    const at = (fields: Record<string, string>) => selfMaterial(0, fields)
    expect(at({ a: 'b","c', d: '' })).not.toBe(at({ a: 'b', c: 'd' }))
    expect(at({ b: '1', a: '2' })).toBe(at({ a: '2', b: '1' }))
  })

  test('without a key every marker is forged, and the next record is judged anew', () => {
    fieldsOf({ _tocsin_self: right })
    expect([event.isOwn, event.flags]).toEqual([false, ['forged_self']])
    fieldsOf({})
    expect(event.flags).toEqual([])
  })
})

test('the hash is that of the record and of nothing around it', () => {
  const record = Buffer.from('{"short_message":"m"}')
  const bytes = Buffer.concat([Buffer.from('before'), record, Buffer.from('after')])
  event.scan(new Uint8Array(bytes), 6, 6 + record.length, RECEIVED_MS)
  expect(event.hash()).toEqual(hash64(record))
  expect(event.get('message')).toBe('m')
})
