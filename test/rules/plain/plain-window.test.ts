import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PlainWindow } from './plain-window.ts'
import { RecordNames } from '../../../src/rules/windows/record-names.ts'

const names = new RecordNames()
const partitions = ['b@1', 'a@1'].map((name) => names.number(name))

function mark(timeMs: number, position: number, hash = 0, partition = partitions[0]!) {
  return { timeMs, hashHigh: 0, hashLow: hash, partition, position }
}

function insert(window: PlainWindow, record: ReturnType<typeof mark>): number {
  const place = window.insert(record)
  for (let i = place + 1; i < window.length; i++) {
    if (window.timeAt(i) < record.timeMs + 10) window.raise(i)
  }
  return place
}

function countsOf(window: PlainWindow): number[] {
  return Array.from({ length: window.length }, (_, i) => window.countAt(i))
}

describe('the window of one key', () => {
  it('orders by time, then hash, then position, then the name of the partition', () => {
    const window = new PlainWindow(names, 10)
    expect(window.insert(mark(5, 0))).toBe(0)
    expect(window.insert(mark(4, 1))).toBe(0)
    expect(window.insert(mark(5, 2, 9))).toBe(2)
    expect(window.insert(mark(5, 3, 0))).toBe(2)
    expect(window.insert(mark(5, 3, 0, partitions[1]))).toBe(2)
  })

  it('counts the half-open window that ends at each record', () => {
    const window = new PlainWindow(names, 10)
    for (const [position, timeMs] of [0, 5, 9, 10, 19, 20].entries()) {
      insert(window, mark(timeMs, position))
    }
    expect(countsOf(window)).toEqual([1, 2, 3, 3, 2, 2])
    expect(window.firstInWindow(3)).toBe(1)
  })

  it('drops from the front and goes on counting', () => {
    const window = new PlainWindow(names, 10)
    for (let i = 0; i < 200; i++) insert(window, mark(i, i))
    for (let i = 0; i < 150; i++) window.dropFirst()
    expect([window.length, window.timeAt(0), window.countAt(49)]).toEqual([50, 150, 10])
    insert(window, mark(200, 200))
    expect(window.countAt(50)).toBe(10)
    expect(window.countBefore(160)).toBe(10)
    while (window.length > 0) window.dropFirst()
    expect(insert(window, mark(500, 500))).toBe(0)
    expect(window.countAt(0)).toBe(1)
  })

  it('holds the counts of a sorted list, whatever the order of insertion and dropping', () => {
    const step = fc.record({
      timeMs: fc.nat({ max: 40 }),
      hash: fc.nat({ max: 2 }),
      partition: fc.constantFrom(...partitions),
      drop: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const window = new PlainWindow(names, 10)
        let plain: ReturnType<typeof mark>[] = []
        let dropped = -Infinity
        for (const [position, { timeMs, hash, partition, drop }] of steps.entries()) {
          // What is dropped lies a window before everything that still comes.
          if (timeMs < dropped + 10) continue
          const record = mark(timeMs, position, hash, partition)
          insert(window, record)
          plain = [...plain, record].sort((a, b) => names.compare(a, b))
          if (drop && plain.length > 1 && plain[0]!.timeMs + 10 <= plain[1]!.timeMs) {
            dropped = Math.max(dropped, plain.shift()!.timeMs)
            window.dropFirst()
          }
          const counts = plain.map(
            (end, j) => plain.slice(0, j + 1).filter((one) => one.timeMs > end.timeMs - 10).length,
          )
          expect(countsOf(window)).toEqual(counts)
        }
      }),
    )
  })
})
