import { expect, it } from 'vitest'

import { counted } from '../../src/cli/counted.ts'

it.each([
  [0, '0 tests'],
  [1, '1 test'],
  [2, '2 tests'],
])('%i of a noun reads "%s"', (count, text) => {
  expect(counted(count, 'test')).toBe(text)
})
