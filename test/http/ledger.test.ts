import { describe, expect, it } from 'vitest'
import { harness } from './http-harness.ts'

describe('the ledger of a rule', () => {
  it('says what became of its matches, page by page', async () => {
    const { call } = harness()
    const url = '/api/v1/rules/checkout-5xx/ledger?limit=1'
    const first = await call('viewer', 'GET', url)
    expect(first.statusCode).toBe(200)
    expect(first.json()).toEqual({
      items: [{ hourMs: 1_790_002_800_000, class: 'skipped', reason: 'late', count: 2 }],
      next: '1',
    })
    const second = await call('viewer', 'GET', `${url}&cursor=1`)
    expect(second.json()).toEqual({
      items: [{ hourMs: 1_789_999_200_000, class: 'episode', reason: null, count: 20 }],
      next: null,
    })
  })

  it('is empty for a rule that never matched, and found under any name a rule can have', async () => {
    const { call } = harness()
    const response = await call('viewer', 'GET', '/api/v1/rules/a%20b%2Fc/ledger')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({ items: [], next: null })
  })
})
