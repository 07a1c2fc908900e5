import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { KIND } from '../../src/ingest/normalise/json-bytes.ts'
import { FieldScan } from '../../src/ingest/normalise/scan.ts'
import { corpus } from './corpus.ts'
import { readTarGz } from './read-tar.ts'

/**
 * JSONTestSuite's cases are any JSON value, a GELF message is an object. So each case is put into
 * one, as the value of a member: `{"v":` … `}`. That keeps every verdict: what is a value is one
 * there, and no case of the suite ends the object early and begins another member. Cases that are
 * objects are also read as they are.
 */
const files = [...readTarGz(readFileSync(corpus('json/JSONTestSuite.tar.gz')))].filter(([path]) =>
  path.includes('test_parsing/'),
)
const cases = files.map(([path, bytes]) => [path.replace(/^.*\//, ''), bytes] as const)
const scan = new FieldScan()

function inObject(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from('{"v":'), bytes, Buffer.from('}')])
}

function judge(bytes: Buffer) {
  return scan.scan(bytes, 0, bytes.length)
}

/** What V8 says, of bytes that must be UTF-8. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}

const named = (prefix: string) => cases.filter(([name]) => name.startsWith(prefix))

test('the suite is whole', () => {
  expect([named('y_').length, named('n_').length, named('i_').length]).toEqual([95, 188, 35])
})

describe('y_: must be accepted, with the value that JSON.parse gives', () => {
  test.each(named('y_'))('%s', (_, bytes) => {
    expect(judge(inObject(bytes))).toBeUndefined()
    const isText = scan.kinds[0] === KIND.text ? 1 : 0
    const text = scan.bytes.toString(
      'utf8',
      scan.valueStart[0]! - isText,
      scan.valueEnd[0]! + isText,
    )
    expect(JSON.parse(text)).toEqual(parse(bytes))
    if (bytes.toString().trim().startsWith('{')) expect(judge(bytes)).toBeUndefined()
  })
})

describe('n_: must be refused', () => {
  test.each(named('n_'))('%s', (_, bytes) => {
    expect(judge(inObject(bytes))).toBeDefined()
    expect(judge(bytes)).toBeDefined()
  })
})

/** Valid JSON that our limits refuse. */
const OVER_LIMITS: Record<string, string> = { 'i_structure_500_nested_arrays.json': 'depth' }

describe('i_: as JSON.parse on strict UTF-8, but for our limits', () => {
  test.each(named('i_'))('%s', (name, bytes) => {
    const record = inObject(bytes)
    const verdict = judge(record)
    if (name in OVER_LIMITS) expect(verdict).toBe(OVER_LIMITS[name])
    else expect(verdict === undefined).toBe(parse(record) !== undefined)
  })
})
