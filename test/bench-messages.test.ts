/** What the benchmarks send and how they count: a wrong figure is worse than none. */
import { describe, expect, it } from 'vitest'

import { median, percentile } from '../bench/measure.ts'
import { messageBlock } from '../bench/messages.ts'
import { ruleFile } from '../bench/rules.ts'
import { Pieces } from '../bench/senders/pieces.ts'
import { compileRuleset } from '../src/config/ruleset.ts'
import { GelfEvent } from '../src/ingest/normalise/gelf-event.ts'

const block = messageBlock(500)

describe('the messages of the benchmarks', () => {
  it('are the same in every run and mostly distinct', () => {
    expect(messageBlock(500).bytes.equals(block.bytes)).toBe(true)
    const texts = new Set(messagesOf(block.bytes))
    expect(texts.size).toBe(500)
  })

  it('have about 430 bytes and 12 to 21 keys, and pass our own intake unflagged', () => {
    expect(block.bytes.length / 500).toBeGreaterThan(400)
    expect(block.bytes.length / 500).toBeLessThan(460)
    const event = new GelfEvent()
    for (const text of messagesOf(block.bytes)) {
      const keys = Object.keys(JSON.parse(text) as object).length
      expect(keys).toBeGreaterThanOrEqual(12)
      expect(keys).toBeLessThanOrEqual(21)
      const bytes = Buffer.from(text)
      expect(event.scan(bytes, 0, bytes.length, 1_764_000_001_000)).toBeUndefined()
      expect(event.flags).toEqual([])
      expect(event.timeMs).toBe(1_764_000_000_123)
    }
  })

  it('have rules without any problem', () => {
    const documents = [{ file: 'bench.yaml', text: ruleFile(200) }]
    const { ruleset, problems } = compileRuleset({ documents, inputs: {}, fields: {} })
    expect(problems).toEqual([])
    expect(ruleset.rules.length).toBe(200)
  })
})

describe('the pieces that senders take', () => {
  it('are as many messages as ordered, stamped with the time they were taken', () => {
    const pieces = new Pieces({ count: 250 })
    const startMs = Date.now()
    const texts: string[] = []
    for (let piece = pieces.take(100); piece !== undefined; piece = pieces.take(100)) {
      const found = messagesOf(piece.bytes)
      expect(found.length).toBe(piece.count)
      texts.push(...found)
    }
    expect(texts.length).toBe(250)
    for (const text of texts) {
      const { timestamp } = JSON.parse(text) as { timestamp: number }
      expect(Math.round(timestamp * 1_000)).toBeGreaterThanOrEqual(startMs)
      expect(Math.round(timestamp * 1_000)).toBeLessThanOrEqual(Date.now())
      expect(text).not.toContain('_marked')
    }
  })

  it('carry a mark of their own every so many messages', () => {
    const pieces = new Pieces({ count: 95, markEvery: 10 })
    const marks: (string | undefined)[] = []
    for (let piece = pieces.take(7); piece !== undefined; piece = pieces.take(7)) {
      for (const text of messagesOf(piece.bytes)) {
        marks.push((JSON.parse(text) as { _marked?: string })._marked)
      }
    }
    expect(marks.length).toBe(95)
    expect(marks.flatMap((mark, i) => (mark === undefined ? [] : [`${i} ${mark}`]))).toEqual(
      Array.from({ length: 10 }, (_, nth) => `${nth * 10} m${nth}`),
    )
  })
})

describe('the figures', () => {
  it.each([
    { values: [3, 1, 2], share: 0.5, expected: 2 },
    { values: [4, 1, 2, 3], share: 0.5, expected: 2 },
    { values: Array.from({ length: 200 }, (_, i) => i + 1), share: 0.99, expected: 198 },
    { values: [7], share: 0.99, expected: 7 },
  ])('have percentiles by nearest rank: $share of $values.length', (row) => {
    expect(percentile(row.values, row.share)).toBe(row.expected)
  })

  it('refuse to make a median of nothing', () => {
    expect(() => median([])).toThrow('no values')
  })
})

/** The texts of messages that end in a NUL byte each. */
function messagesOf(bytes: Buffer): string[] {
  const texts = bytes.toString().split('\0')
  expect(texts.pop()).toBe('')
  return texts
}
