import { describe, expect, it } from 'vitest'

import { resolveReferences } from '../../src/config/references.ts'

const references = {
  env: { PORT: '8080', ON: 'true', SECRET: 's3cret', VERSION: '1.10' },
  readFile(path: string): string {
    if (path === '/run/secrets/key') return 'from the file\n'
    throw new Error('no such file')
  },
}

const resolve = (document: unknown) => resolveReferences(document, references)

describe('references of a configuration', () => {
  it.each([
    ['${PORT}', 8080],
    ['${ON}', true],
    ['${VERSION}', '1.10'],
    ['127.0.0.1:${PORT}', '127.0.0.1:8080'],
    ['${MISSING:-fallback}', 'fallback'],
    ['a ${MISSING:-} b', 'a  b'],
    ['env:SECRET', 's3cret'],
    ['file:/run/secrets/key', 'from the file'],
    ['plain $PORT', 'plain $PORT'],
    [7, 7],
  ])('reads %j as %j', (written, expected) => {
    expect(resolve({ a: [written] })).toMatchObject({ value: { a: [expected] }, problems: [] })
  })

  it('says where each value came from', () => {
    const { origins } = resolve({ a: 'env:SECRET', b: ['file:/run/secrets/key'], c: 'here' })
    expect(Object.fromEntries(origins)).toEqual({
      a: 'env SECRET',
      'b.0': 'file /run/secrets/key',
    })
  })

  it('names what could not be found, with its path and the nearest variable', () => {
    const { problems } = resolve({ a: { b: '${PROT}' }, c: 'file:/nowhere', d: 'vault:kv/x#y' })
    expect(problems.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['a.b', 'unset-variable'],
      ['c', 'unreadable-file'],
      ['d', 'vault-later'],
    ])
    expect(problems[0]?.message).toContain('did you mean "PORT"?')
  })
})
