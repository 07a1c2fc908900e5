import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { MAX_KEY_BYTES } from '../../src/ingest/normalise/limits.ts'
import { format, read, record } from '../ingest/kafka/formats/read-event.ts'
import { corpus } from './corpus.ts'
import { readTarGz } from './read-tar.ts'

const strings = JSON.parse(readFileSync(corpus('strings/blns.json'), 'utf8')) as string[]

test('naughty strings are data as keys, headers, text, JSON values and attributes', () => {
  const gelf = format({ format: 'gelf', headers: ['x'] })
  const json = format('json')
  const text = format('text')
  const events = format('cloudevents')
  for (const string of strings) {
    const key = Buffer.from(string)
    const kept = string === '' ? undefined : string
    const named = { x: string }
    expect(read(gelf, record('{"host":"h","short_message":"m"}', { key, named }))).toMatchObject([
      { fields: { ...(kept && { kafka_key: kept, kafka_header_x: kept }), message: 'm' } },
    ])
    // The limit on names is on the bytes as written.
    const isLong = Buffer.byteLength(JSON.stringify(`nested.n${string}`)) - 2 > MAX_KEY_BYTES
    const name = isLong ? 'n' : `n${string}`
    const object = {
      message: `m${string}`,
      source: `s${string}`,
      nested: { [name]: string },
    }
    expect(read(json, record(JSON.stringify(object)))).toMatchObject([
      {
        fields: {
          message: `m${string}`,
          source: `s${string}`,
          ...(kept && { [`nested.${name}`]: kept }),
        },
      },
    ])
    expect(read(text, record(`x${string}x`))).toMatchObject([
      { fields: { message: `x${string}x` } },
    ])
    const attributes = {
      specversion: '1.0',
      id: `i${string}`,
      source: `s${string}`,
      type: `t${string}`,
    }
    expect(read(events, record(JSON.stringify({ ...attributes, data: string })))).toMatchObject([
      { fields: { ce_id: `i${string}`, source: `s${string}`, ...(kept && { data: kept }) } },
    ])
  }
})

/** Every document of JSONTestSuite as the value of a field, as a whole record, and as data. */
const cases = [...readTarGz(readFileSync(corpus('json/JSONTestSuite.tar.gz')))]
  .filter(([path]) => path.includes('test_parsing/'))
  .map(([path, bytes]) => [path.replace(/^.*\//, ''), bytes] as const)

const binary = {
  headers: Object.entries({
    ce_specversion: '1.0',
    ce_id: '1',
    ce_source: 's',
    ce_type: 't',
    'content-type': 'application/json',
  }).map(([name, text]) => [name, Buffer.from(text)] as const),
}

describe.each(['gelf', 'json', 'cloudevents'])('JSONTestSuite through %s', (name) => {
  const decode = format(name)
  const ways = (bytes: Buffer): (() => unknown)[] => {
    const inside = (text: string, member: string) =>
      Buffer.concat([Buffer.from(`${text}"${member}":`), bytes, Buffer.from('}')])
    if (name === 'gelf') {
      return [() => read(decode, record(inside('{"host":"h","short_message":"m",', '_x')))]
    }
    if (name === 'json') return [() => read(decode, record(inside('{"message":"m",', 'x')))]
    return [
      () => read(decode, record(bytes, binary)),
      () =>
        read(
          decode,
          record(inside('{"specversion":"1.0","id":"1","source":"s","type":"t",', 'data')),
        ),
    ]
  }

  test('the suite is whole', () => {
    expect(cases.length).toBe(318)
  })

  test.each(cases)('%s', (file, bytes) => {
    for (const way of ways(bytes)) {
      const found = way()
      if (file.startsWith('y_')) expect(found).toEqual([expect.anything()])
      // A value that is no JSON refuses the record; an empty one is data that is not there.
      else if (file.startsWith('n_') && bytes.length > 0) expect(found).toEqual(expect.any(String))
    }
  })
})
