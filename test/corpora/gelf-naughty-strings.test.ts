import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { MAX_KEY_BYTES } from '../../src/ingest/normalise/limits.ts'
import { corpus } from './corpus.ts'

const strings = JSON.parse(readFileSync(corpus('strings/blns.json'), 'utf8')) as string[]
const event = new GelfEvent()

test.each([
  ['as they are', (text: string) => JSON.stringify(text)],
  [
    'in escapes',
    (text: string) =>
      `"${text.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`,
  ],
])('naughty strings are data in values and in names, written %s', (_, write) => {
  for (const text of strings) {
    const name = `_n${text}`
    const record = `{"short_message":"m","host":${write(`h${text}`)},"_v":${write(text)},${write(name)}:1}`
    const bytes = Buffer.from(record)
    const rejection = event.scan(bytes, 0, bytes.length, 0)
    // The limit on names is on the bytes as written, between the quotes.
    const isLong = Buffer.byteLength(write(name)) - 2 > MAX_KEY_BYTES
    expect(rejection, text).toBe(isLong ? 'fields' : undefined)
    if (isLong) continue
    expect(event.get('source')).toBe(`h${text}`)
    expect(event.get('v')).toBe(text === '' ? undefined : text)
    expect(event.get(name.slice(1))).toBe(1)
  }
})
