import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatByteSize, parseByteSize } from '../../src/model/byte-size.ts'

test.for([
  ['0B', 0],
  ['1B', 1],
  ['4KiB', 4096],
  ['256MiB', 268_435_456],
  ['50GB', 50_000_000_000],
  ['2TiB', 2_199_023_255_552],
  ['10KB', 10_000],
] as const)('%s is %d bytes', ([text, bytes]) => {
  expect(parseByteSize(text)).toBe(bytes)
})

test.for([
  '',
  '50',
  'GB',
  '1.5GB',
  '-1GB',
  '1 GB',
  '1gb',
  '1Gb',
  '1PB',
  '1GBB',
  '1GB\n',
  '9999999TB',
])('%j is no size', (text) => {
  expect(parseByteSize(text)).toBeUndefined()
})

test('any number of bytes is read back from its own text', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.maxSafeNat(),
        fc.nat(4096).map((n) => n * 1024 ** 2),
      ),
      (bytes) => {
        expect(parseByteSize(formatByteSize(bytes))).toBe(bytes)
      },
    ),
  )
})

test('sizes are written in their largest whole unit', () => {
  expect(formatByteSize(268_435_456)).toBe('256MiB')
  expect(formatByteSize(50_000_000_000)).toBe('50GB')
  expect(formatByteSize(1_234)).toBe('1234B')
  expect(formatByteSize(0)).toBe('0B')
})
