import { expect, test } from 'vitest'

import { FramePace } from '../../../src/ingest/gelf/frame-pace.ts'

test.each<[string, readonly number[], readonly boolean[]]>([
  ['1,920 bytes in 30 s are enough', [640, 640, 640, 640], [false, false, false, false]],
  ['one less is not', [640, 640, 639], [false, false, true]],
  [
    'a window that was fast does not pay for the next',
    [9_999, 0, 0, 0, 0, 0],
    [false, false, false, false, false, true],
  ],
])('%s', (_what, reads, verdicts) => {
  const pace = new FramePace()
  pace.read(1, true, true)
  const seen = reads.map((bytes) => {
    if (bytes > 0) pace.read(bytes, false, true)
    return pace.isTooSlow()
  })
  expect(seen).toEqual(verdicts)
})

test('a frame that ends begins the count anew', () => {
  const pace = new FramePace()
  pace.read(1, true, true)
  const ticks = () => [pace.isTooSlow(), pace.isTooSlow()]
  expect(ticks()).toEqual([false, false])
  pace.read(10, true, true)
  expect(ticks()).toEqual([false, false])
  expect(pace.isTooSlow()).toBe(true)
})

test('nobody is slow outside a frame', () => {
  const pace = new FramePace()
  pace.read(10, true, false)
  expect([1, 2, 3, 4].map(() => pace.isTooSlow())).toEqual([false, false, false, false])
})
