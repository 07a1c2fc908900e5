import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'

import { ChunkAssembler, isChunk } from '../../../src/ingest/gelf/chunks.ts'
import type { ChunkSource } from '../../../src/ingest/gelf/chunks.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'

const A: ChunkSource = { address: '10.0.0.1', port: 1 }
const B: ChunkSource = { address: '10.0.0.2', port: 1 }

let clock: ManualClock
let rejected: string[]
let chunks: ChunkAssembler

const LIMITS = {
  setsPerSource: 64,
  bytesPerSource: 4 * 1_048_576,
  sets: 4_096,
  bytes: 64 * 1_048_576,
}

function reset(limits: Partial<typeof LIMITS> = {}): void {
  clock = new ManualClock(1_000_000)
  rejected = []
  chunks = new ChunkAssembler({
    clock: clock.now,
    onRejected: (reason) => rejected.push(reason),
    limits: { ...LIMITS, ...limits },
  })
}

beforeEach(() => reset())

function chunk(id: string, number: number, count: number, part: string | Buffer): Buffer {
  const head = Buffer.concat([
    Buffer.from([0x1e, 0x0f]),
    Buffer.from(id.padEnd(8, '.')),
    Buffer.from([number, count]),
  ])
  return Buffer.concat([head, Buffer.from(part as string)])
}

const add = (datagram: Buffer, source = A) => chunks.add(datagram, source)?.toString()

describe('a message', () => {
  test('is whole in any order of its chunks, with doubles on the way', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 128 }),
      fc.array(fc.nat(1e6), { minLength: 300, maxLength: 300 }),
      (count, dice) => {
        reset()
        const numbers = [
          ...Array.from({ length: count }, (_, i) => i),
          ...dice.slice(0, 10).map((die) => die % count),
        ]
        const order = numbers
          .map((number, i) => [dice[i + 20]!, number] as const)
          .sort((a, b) => a[0] - b[0])
        const wholes = order.map(([, number]) => add(chunk('id', number, count, `<${number}>`)))
        const found = wholes.filter((whole) => whole !== undefined)
        const expected = Array.from({ length: count }, (_, i) => `<${i}>`).join('')
        // Doubles behind the last chunk may begin, or for few chunks even complete, another set.
        expect(found[0]).toBe(expected)
        expect(new Set(found).size).toBe(1)
        expect(rejected).toEqual([])
      },
    )
    fc.assert(property, { numRuns: 100 })
  })

  test('of one chunk is taken at once: gelf-pro sends every message so', () => {
    expect([add(chunk('id', 0, 1, '{}')), chunks.openSets]).toEqual(['{}', 0])
  })

  test('of 128 chunks is the longest', () => {
    for (let i = 0; i < 127; i++) expect(add(chunk('id', i, 128, 'x'))).toBeUndefined()
    expect([add(chunk('id', 127, 128, 'x')), rejected, chunks.heldBytes, chunks.openSets]).toEqual([
      'x'.repeat(128),
      [],
      0,
      0,
    ])
  })

  test('of two senders with one id, or two sockets of one sender, is two messages', () => {
    for (const source of [A, B, { ...A, port: 2 }])
      expect(add(chunk('id', 0, 2, source.address), source)).toBeUndefined()
    for (const source of [A, B, { ...A, port: 2 }])
      expect(add(chunk('id', 1, 2, '!'), source)).toBe(`${source.address}!`)
  })

  test('may use an id again', () => {
    for (const text of ['a', 'b']) {
      add(chunk('id', 0, 2, text))
      expect(add(chunk('id', 1, 2, text))).toBe(text + text)
    }
  })
})

describe('a set is given up', () => {
  test.each<[string, Buffer]>([
    ['chunk count 0', chunk('id', 0, 0, 'x')],
    ['chunk count 129', chunk('id', 0, 129, 'x')],
    ['chunk count 255', chunk('id', 3, 255, 'x')],
    ['a number at the count', chunk('id', 3, 3, 'x')],
    ['a number over the count', chunk('id', 200, 3, 'x')],
    ['another count', chunk('id', 1, 4, 'x')],
    ['a double with other bytes', chunk('id', 0, 3, 'other')],
    ['a double that is longer', chunk('id', 0, 3, 'first!')],
  ])('for %s', (_, bad) => {
    add(chunk('id', 0, 3, 'first'))
    expect(add(bad)).toBeUndefined()
    expect([rejected, chunks.openSets, chunks.heldBytes]).toEqual([['chunk'], 0, 0])
  })

  test.each(['1e0f', '1e0f00', '1e0f73686f7274', '1e0f010203040506070800'])(
    'for a header cut off: %s',
    (hex) => {
      expect(add(Buffer.from(hex, 'hex'))).toBeUndefined()
      expect([rejected, chunks.openSets]).toEqual([['chunk'], 0])
    },
  )

  test('when it would be more than 1 MiB', () => {
    const part = Buffer.alloc(60_000)
    for (let i = 0; i < 18; i++) add(chunk('id', i, 128, part))
    expect([rejected, chunks.openSets]).toEqual([['too_long'], 0])
  })

  test('after five seconds, by a timer or by the next chunk, and never as half a message', () => {
    add(chunk('id', 0, 2, 'a'))
    clock.advance(5_000)
    chunks.expire()
    expect([rejected, chunks.openSets]).toEqual([[], 1])
    clock.advance(1)
    expect(add(chunk('id', 1, 2, 'b'))).toBeUndefined()
    expect([rejected, chunks.openSets]).toEqual([['chunk_expired'], 1])
    clock.advance(5_001)
    chunks.expire()
    expect([rejected, chunks.openSets, chunks.heldBytes]).toEqual([
      ['chunk_expired', 'chunk_expired'],
      0,
      0,
    ])
  })
})

describe('a flood', () => {
  test('of first chunks costs its own sender the oldest sets', () => {
    add(chunk('b', 0, 2, 'b'), B)
    for (let i = 0; i < 10_000; i++) add(chunk(`a${i}`, 0, 128, 'x'))
    expect([chunks.openSets, rejected.length, new Set(rejected)]).toEqual([
      65,
      10_000 - 64,
      new Set(['chunk_overflow']),
    ])
    expect(add(chunk('b', 1, 2, 'b'), B)).toBe('bb')
    expect(add(chunk('a0', 1, 128, 'x'))).toBeUndefined()
  })

  test('of bytes is bounded per sender', () => {
    const part = Buffer.alloc(60_000)
    for (let i = 0; i < 200; i++) add(chunk(`a${i % 50}`, Math.floor(i / 50), 128, part))
    expect(chunks.heldBytes).toBeLessThanOrEqual(4 * 1_048_576)
    expect(rejected).toContain('chunk_overflow')
  })

  test('of empty chunks meets the bound on bytes too', () => {
    reset({ bytesPerSource: 100_000 })
    for (let set = 0; set < 60; set++)
      for (let i = 0; i < 127; i++) add(chunk(`a${set}`, i, 128, ''))
    expect(chunks.heldBytes).toBeLessThanOrEqual(100_000)
  })

  test('from many senders is bounded in all, and a sender’s own sets go first', () => {
    reset({ sets: 100 })
    const source = (i: number) => ({ address: `10.1.0.${i}`, port: 1 })
    for (let i = 0; i < 1_000; i++) add(chunk('id', 0, 2, 'x'), source(i))
    expect([chunks.openSets, rejected.length]).toEqual([100, 900])
    add(chunk('id2', 0, 2, 'x'), source(999))
    expect(add(chunk('id', 1, 2, 'x'), source(999))).toBeUndefined()
    expect(add(chunk('id', 1, 2, 'x'), source(998))).toBe('xx')
  })
})

test('a chunk is known by its two magic bytes', () => {
  expect([
    isChunk(Buffer.from([0x1e, 0x0f])),
    isChunk(Buffer.from([0x1e])),
    isChunk(Buffer.from('{}')),
  ]).toEqual([true, false, false])
})
