import { isIP } from 'node:net'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import { isLoopback } from '../../src/lib/loopback.ts'

it.each(['127.0.0.1', '127.255.255.255', '::1', 'localhost'])('%s is this machine', (host) => {
  expect(isLoopback(host)).toBe(true)
})

it.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '127.example.org', '127.0.0.1.example.org', ''])(
  '%s may be reached by others',
  (host) => {
    expect(isLoopback(host)).toBe(false)
  },
)

it('a host that begins with 127. is loopback exactly when it is an address', () => {
  const part = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map(String),
    fc.constantFrom('00', '01', '007', 'x'),
  )
  const host = fc
    .array(part, { minLength: 2, maxLength: 4 })
    .map((parts) => `127.${parts.join('.')}`)
  fc.assert(
    fc.property(host, (text) => {
      expect(isLoopback(text)).toBe(isIP(text) === 4)
    }),
  )
})
