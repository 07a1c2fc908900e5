import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { ByteBudget } from '../../../src/ingest/gelf/byte-budget.ts'
import { Framer } from '../../../src/ingest/gelf/framer.ts'
import type { Delimiter } from '../../../src/ingest/gelf/framer.ts'

function open(delimiter: Delimiter, maxBytes = 1_048_576, budget = new ByteBudget(1e9)) {
  const frames: string[] = []
  const skipped: string[] = []
  const onFrame = (bytes: Buffer, start: number, end: number) =>
    void frames.push(bytes.toString('utf8', start, end))
  const framer = new Framer({
    delimiter,
    maxBytes,
    budget,
    onFrame,
    onSkipped: (reason) => skipped.push(reason),
  })
  return { framer, frames, skipped, budget, finish: () => framer.finish(onFrame) }
}

describe.each([
  ['nul', '\0'],
  ['newline', '\n'],
] as const)('%s', (delimiter, mark) => {
  /** Frames with characters of several bytes, of which none is the delimiter. */
  const frame = fc.string({
    unit: fc.constantFrom('a', '"', 'é', '€', '😀', '\\', '{'),
    minLength: 1,
    maxLength: 40,
  })

  test('however a stream is cut into packets, the frames are the same', () => {
    const property = fc.property(
      fc.array(frame),
      fc.array(fc.nat(400)),
      fc.boolean(),
      (sent, cuts, isEnded) => {
        const { framer, frames, finish, budget, skipped } = open(delimiter)
        const bytes = Buffer.from(sent.join(mark) + (isEnded ? mark : ''))
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        )
        for (let i = 1; i < places.length; i++) {
          // Each packet has its own buffer, overwritten afterwards as a socket may do.
          const packet = Buffer.from(bytes.subarray(places[i - 1], places[i]))
          framer.push(packet)
          packet.fill(0x7e)
        }
        finish()
        expect([frames, skipped, budget.used]).toEqual([sent, [], 0])
      },
    )
    fc.assert(property, { numRuns: 300 })
  })

  test('a frame over the limit is skipped to its delimiter, wherever the cuts are, and told once', () => {
    const property = fc.property(
      fc.array(fc.nat(60)),
      fc.integer({ min: 11, max: 30 }),
      (cuts, length) => {
        const { framer, frames, skipped, budget } = open(delimiter, 10)
        const bytes = Buffer.from(`a${mark}${'b'.repeat(length)}${mark}${'c'.repeat(10)}${mark}`)
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        )
        for (let i = 1; i < places.length; i++)
          framer.push(bytes.subarray(places[i - 1], places[i]))
        expect([frames, skipped, budget.used]).toEqual([['a', 'c'.repeat(10)], ['too_long'], 0])
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  test('empty and blank frames are nothing', () => {
    const { framer, frames, skipped, finish } = open(delimiter)
    framer.push(Buffer.from(`${mark}${mark} \t${mark}a${mark}${mark}  b ${mark} `))
    finish()
    expect([frames, skipped]).toEqual([['a', 'b '], []])
  })

  test('a stream that ends within a frame gives it once; one that is dropped gives nothing', () => {
    const ended = open(delimiter)
    ended.framer.push(Buffer.from('half'))
    expect(ended.framer.isInside).toBe(true)
    ended.finish()
    ended.finish()
    expect([ended.frames, ended.framer.isInside, ended.budget.used]).toEqual([['half'], false, 0])
    const dropped = open(delimiter)
    dropped.framer.push(Buffer.from('half'))
    dropped.framer.drop()
    dropped.finish()
    expect([dropped.frames, dropped.budget.used]).toEqual([[], 0])
  })

  test('a megabyte byte by byte is held in one buffer, not in a million', () => {
    const { framer, frames, budget } = open(delimiter)
    const byte = Buffer.from('x')
    for (let i = 0; i < 100_000; i++) framer.push(byte)
    expect(budget.used).toBeLessThan(300_000)
    framer.push(Buffer.from(mark))
    expect(frames[0]).toHaveLength(100_000)
  })
})

test('a carriage return before the line feed is no part of the frame, also when the cut is between them', () => {
  const { framer, frames } = open('newline')
  for (const part of ['{"a":1}\r', '\n{"b":2}', '\r\n\r\n']) framer.push(Buffer.from(part))
  expect(frames).toEqual(['{"a":1}', '{"b":2}'])
})

test('line feeds within a NUL frame belong to it', () => {
  const { framer, frames } = open('nul')
  framer.push(Buffer.from('{\n"a":1}\0'))
  expect(frames).toEqual(['{\n"a":1}'])
})

test('what all connections hold together is bounded: the frame that finds no room is skipped', () => {
  const budget = new ByteBudget(10_000)
  const [first, second] = [open('nul', 1e6, budget), open('nul', 1e6, budget)]
  first.framer.push(Buffer.alloc(6_000, 'x'))
  second.framer.push(Buffer.alloc(6_000, 'y'))
  second.framer.push(Buffer.from('y\0next\0'))
  first.framer.push(Buffer.from('\0'))
  expect([second.frames, second.skipped, first.frames[0]?.length, budget.used]).toEqual([
    ['next'],
    ['overload'],
    6_000,
    0,
  ])
})
