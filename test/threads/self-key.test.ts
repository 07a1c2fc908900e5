import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { selfKey } from '../../src/threads/self-key.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-key-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

it('the key is made once and stays', () => {
  const data = join(folder, 'data')
  const key = selfKey(data)
  expect(key).toHaveLength(32)
  expect(selfKey(data)).toEqual(key)
})

it('a data folder that is made is readable by its owner alone, and so is the key', () => {
  const data = join(folder, 'deep', 'data')
  selfKey(data)
  expect([modeOf(data), modeOf(join(data, 'self.key'))]).toEqual([0o700, 0o600])
})

it('a key that is not one is named instead of replaced: it may be cut, and records hang on it', () => {
  writeFileSync(join(folder, 'self.key'), 'abc\n')
  expect(() => selfKey(folder)).toThrow(/self\.key does not hold 32 bytes in hex/)
})
