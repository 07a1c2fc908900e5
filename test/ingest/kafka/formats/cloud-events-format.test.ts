import { describe, expect, test } from 'vitest'

import { fieldsOf, format, read, record } from './read-event.ts'

const events = format('cloudevents')

const ATTRIBUTES = {
  specversion: '1.0',
  id: 'e-1',
  source: '/orders/eu',
  type: 'com.example.order.refused',
  subject: 'order-7',
  time: '2026-11-24T08:00:00.5Z',
  tenant: 'acme',
}
/** What the attributes become, whichever way they came. */
const FIELDS = {
  source: '/orders/eu',
  ce_specversion: '1.0',
  ce_id: 'e-1',
  ce_source: '/orders/eu',
  ce_type: 'com.example.order.refused',
  ce_subject: 'order-7',
  ce_time: '2026-11-24T08:00:00.5Z',
  ce_tenant: 'acme',
}
const TIME = Date.UTC(2026, 10, 24, 8, 0, 0, 500)

const structured = (more: object = {}, type = 'application/cloudevents+json; charset=UTF-8') =>
  record(JSON.stringify({ ...ATTRIBUTES, ...more }), { named: { 'content-type': type } })

const binary = (
  value: string | Uint8Array | null,
  type?: string,
  attributes: object = ATTRIBUTES,
) =>
  record(value, {
    named: {
      ...Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`ce_${name}`, text])),
      ...(type !== undefined && { 'content-type': type }),
    },
  })

describe('the same event in each form', () => {
  const data = { message: 'card refused', card: { kind: 'visa' }, tries: 3 }
  const expected = {
    ...FIELDS,
    message: 'card refused',
    'data.message': 'card refused',
    'data.card.kind': 'visa',
    'data.tries': 3,
    ce_datacontenttype: 'application/json',
  }

  test.each([
    ['structured', structured({ datacontenttype: 'application/json', data })],
    [
      'structured without a content type',
      record(JSON.stringify({ ...ATTRIBUTES, datacontenttype: 'application/json', data })),
    ],
    ['binary', binary(JSON.stringify(data), 'application/json')],
    [
      'a batch of one',
      record(JSON.stringify([{ ...ATTRIBUTES, datacontenttype: 'application/json', data }]), {
        named: { 'Content-Type': 'application/cloudevents-batch+json' },
      }),
    ],
  ])('%s', (_, from) => {
    expect(fieldsOf(events, from)).toEqual(expected)
    expect(read(events, from)).toMatchObject([{ timeMs: TIME, flags: [] }])
  })
})

describe('data', () => {
  const subject = 'com.example.order.refused order-7'

  test.each([
    ['none', structured(), { message: subject }],
    ['none, binary', binary(null), { message: subject }],
    [
      'empty, binary',
      binary('', 'text/plain'),
      { message: subject, ce_datacontenttype: 'text/plain' },
    ],
    ['null', structured({ data: null }), { message: subject }],
    ['a text', structured({ data: 'gone' }), { message: 'gone', data: 'gone' }],
    [
      'a text, binary',
      binary('gone', 'text/plain'),
      { message: 'gone', data: 'gone', ce_datacontenttype: 'text/plain' },
    ],
    [
      'text of an unknown type',
      binary('<a/>', 'application/xml'),
      { message: '<a/>', data: '<a/>', ce_datacontenttype: 'application/xml' },
    ],
    [
      'bytes that are no text, in base64',
      binary(Buffer.from([0xff, 0]), 'application/octet-stream'),
      { message: '/wA=', data: '/wA=', ce_datacontenttype: 'application/octet-stream' },
    ],
    [
      'base64 of a text',
      structured({ data_base64: 'R3LDvMOfZQ==' }),
      { message: 'Grüße', data: 'Grüße' },
    ],
    ['a number', structured({ data: 42 }), { message: subject, data: 42 }],
    ['a list', structured({ data: [1, 'a'] }), { message: subject, data: '[1,"a"]' }],
    [
      'a JSON text, binary',
      binary('"gone"', 'application/json'),
      { message: 'gone', data: 'gone', ce_datacontenttype: 'application/json' },
    ],
    [
      'an object without a message',
      structured({ data: { a: 1 } }),
      { message: subject, 'data.a': 1 },
    ],
    [
      'JSON of a type of its own',
      binary('{"a":1}', 'application/vnd.acme+json'),
      { message: subject, 'data.a': 1, ce_datacontenttype: 'application/vnd.acme+json' },
    ],
  ])('%s', (_, from, expected) => {
    expect(fieldsOf(events, from)).toEqual({ ...FIELDS, ...expected })
  })

  test('the message can stand elsewhere', () => {
    const elsewhere = format({ format: 'cloudevents', message: 'error.text' })
    const from = structured({ data: { error: { text: 'deep' } } })
    expect(fieldsOf(elsewhere, from)).toMatchObject({ message: 'deep', 'data.error.text': 'deep' })
  })
})

test('a batch gives its events in order', () => {
  const batch = [1, 2, 3].map((n) => ({ ...ATTRIBUTES, id: `e-${n}`, data: `m${n}` }))
  const from = record(JSON.stringify(batch), {
    named: { 'content-type': 'application/cloudevents-batch+json' },
  })
  const found = read(events, from)
  expect(found).toMatchObject(
    [1, 2, 3].map((n) => ({ fields: { ce_id: `e-${n}`, message: `m${n}` } })),
  )
  const empty = record('[]', { named: { 'content-type': 'application/cloudevents-batch+json' } })
  expect(read(events, empty)).toEqual([])
})

describe('what is refused says why', () => {
  const batch = (value: string) =>
    record(value, { named: { 'content-type': 'application/cloudevents-batch+json' } })
  const good = JSON.stringify(ATTRIBUTES)

  test.each([
    ['a tombstone holds nothing', record(null), []],
    ['an empty value without attributes', record(''), 'too_short'],
    ['text', record('plain'), 'json'],
    ['an array that is not said to be one', record('[]'), 'not_an_object'],
    ...['specversion', 'id', 'source', 'type'].map(
      (name) => [`${name} is missing`, structured({ [name]: undefined }), 'cloud_event'] as const,
    ),
    ['an empty id', structured({ id: '' }), 'cloud_event'],
    ['an id that is no text', structured({ id: 5 }), 'cloud_event'],
    ['another version', structured({ specversion: '0.3' }), 'cloud_event'],
    [
      'binary without a type',
      binary('x', 'text/plain', { specversion: '1.0', id: '1', source: 's' }),
      'cloud_event',
    ],
    ['binary with broken JSON', binary('{"a":', 'application/json'), 'json'],
    ['binary that breaks out of its value', binary('1,"data":2', 'application/json'), 'json'],
    ['binary that adds a member', binary('1,"x":2', 'application/json'), 'json'],
    [
      'an attribute that is no UTF-8',
      {
        ...binary('x'),
        headers: [
          ['ce_specversion', Buffer.from('1.0')],
          ['ce_id', Buffer.from([0xff])],
        ] as const,
      },
      'utf8',
    ],
    ['a batch that is no array', batch(good), 'cloud_event'],
    ['a batch with a broken event', batch(`[${good},{"a":]`), 'json'],
    ['a batch with an incomplete event', batch(`[${good},{"specversion":"1.0"}]`), 'cloud_event'],
    [
      'a batch of too many',
      batch(`[${Array.from({ length: 5_001 }, () => '{}').join()}]`),
      'too_long',
    ],
    [
      '33 levels',
      structured({ data: JSON.parse(`${'['.repeat(32)}${']'.repeat(32)}`) as unknown }),
      'depth',
    ],
  ] as const)('%s', (_, from, expected) => {
    expect(read(events, from)).toEqual(expected)
  })
})

test('names and values of attributes stay what they are', () => {
  const from = structured({
    'a"b\n': 1,
    __proto__x: true,
    data: { 'x"y': { z: '\u0000</script>' } },
  })
  expect(fieldsOf(events, from)).toMatchObject({
    'ce_a"b\n': 1,
    ce___proto__x: 'true',
    'data.x"y.z': '\u0000</script>',
  })
})
