import { describe, expect, it } from 'vitest'
import { accessSettings, httpSchema } from '../../src/http/settings.ts'
import { tokenHash } from '../../src/http/tokens.ts'

const sha256 = 'a'.repeat(64)

describe('the settings of http', () => {
  it('listen on this machine only unless told otherwise, with an open page', () => {
    expect(accessSettings(httpSchema.parse({}))).toEqual({
      listen: { host: '127.0.0.1', port: 8080 },
      tokens: [],
      page: 'public',
      metricsPublic: true,
    })
  })

  it('ask for a token everywhere when others can reach it', () => {
    const settings = accessSettings(httpSchema.parse({ listen: '0.0.0.0:8080' }))
    expect(settings).toMatchObject({ page: 'token', metricsPublic: false })
  })

  it('open page and metrics to others only when that is said', () => {
    const settings = httpSchema.parse({ listen: '[::]:80', page: 'public', metrics_public: true })
    expect(accessSettings(settings)).toMatchObject({
      listen: { host: '::', port: 80 },
      page: 'public',
      metricsPublic: true,
    })
  })

  it('keep of a token only its hash', () => {
    const token = `tcs_${'k'.repeat(43)}`
    const settings = httpSchema.parse({
      tokens: [
        { name: 'ci', token, roles: ['viewer'] },
        { name: 'ops', sha256: sha256.toUpperCase(), roles: ['admin'] },
      ],
    })
    expect(accessSettings(settings).tokens).toEqual([
      { name: 'ci', sha256: tokenHash(token), roles: ['viewer'] },
      { name: 'ops', sha256, roles: ['admin'] },
    ])
  })

  it.each([
    ['an unknown key', { listn: 'x' }],
    ['a port that is none', { listen: '127.0.0.1:99999' }],
    ['no port', { listen: '127.0.0.1' }],
    ['an address without brackets', { listen: '::1:8080' }],
    ['a token without roles', { tokens: [{ name: 'a', sha256, roles: [] }] }],
    ['an unknown role', { tokens: [{ name: 'a', sha256, roles: ['root'] }] }],
    ['both token and hash', { tokens: [{ name: 'a', sha256, token: sha256, roles: ['viewer'] }] }],
    ['neither', { tokens: [{ name: 'a', roles: ['viewer'] }] }],
    ['a short token', { tokens: [{ name: 'a', token: 'short', roles: ['viewer'] }] }],
    ['a hash of another length', { tokens: [{ name: 'a', sha256: 'abc', roles: ['viewer'] }] }],
    ['a name that breaks a line', { tokens: [{ name: 'a\nb', sha256, roles: ['viewer'] }] }],
    [
      'two tokens of one name',
      {
        tokens: [
          { name: 'a', sha256, roles: ['viewer'] },
          { name: 'a', sha256: 'b'.repeat(64), roles: ['viewer'] },
        ],
      },
    ],
    [
      'one token under two names',
      {
        tokens: [
          { name: 'a', sha256, roles: ['viewer'] },
          { name: 'b', sha256, roles: ['admin'] },
        ],
      },
    ],
  ])('refuse %s', (_, settings) => {
    expect(httpSchema.safeParse(settings).success).toBe(false)
  })
})
