import { format, inspect } from 'node:util'

import { expect, it } from 'vitest'

import { Secret } from '../../src/lib/secret.ts'

it('a secret shows itself only to who asks for it by name', () => {
  const secret = new Secret('whsec_canary')
  const texts = [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ deep: [{ secret }] }, { depth: 9, showHidden: true }),
    format('%s %o %j', secret, secret, secret),
    JSON.stringify(Object.values(secret)),
  ]
  for (const text of texts) expect(text).not.toContain('canary')
  expect(secret.reveal()).toBe('whsec_canary')
})
