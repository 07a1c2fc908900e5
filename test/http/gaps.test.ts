import { describe, expect, it } from 'vitest'
import { harness } from './http-harness.ts'
import { NOW_MS } from './sample-incident.ts'

const GAP = {
  input: 'payments',
  partition: 'payments@1',
  reason: 'down',
  fromMs: NOW_MS - 400_000,
  toMs: NOW_MS - 100_000,
  records: 0,
  fromPosition: 7,
  toPosition: 7,
}

describe('the gaps of inputs', () => {
  it('are listed with what they are about', async () => {
    const { call } = harness()
    const response = await call('viewer', 'GET', '/api/v1/gaps?input=payments')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({ items: [GAP], next: null })
  })

  it('are asked for by input and time', async () => {
    const asked: object[] = []
    const { readModel } = harness()
    const gaps = async (query: object) => {
      asked.push(query)
      return { items: [], next: null }
    }
    const { call } = harness({ readModel: { ...readModel, gaps } })
    await call('viewer', 'GET', '/api/v1/gaps?input=a%20b&from=5&to=9&limit=3&cursor=x')
    expect(asked).toEqual([{ input: 'a b', fromMs: 5, toMs: 9, limit: 3, cursor: 'x' }])
    expect((await call('viewer', 'GET', '/api/v1/gaps?from=yesterday')).statusCode).toBe(400)
  })

  it('are on the page, those that last pointed out', async () => {
    const { readModel } = harness()
    const gaps = async () => ({
      items: [{ ...GAP, reason: 'disconnected' as const, toMs: null }],
      next: null,
    })
    const { call } = harness({ readModel: { ...readModel, gaps } })
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toContain('What is missing')
    expect(body).toContain('no sender was connected')
    expect(body).toContain('it lasts')
  })
})

describe('an input', () => {
  const figures = {
    input: 'payments',
    partition: 'payments@1',
    evaluated: 1,
    backlog: 0,
    lastReceivedMs: NOW_MS as number | null,
    watermarkMs: null,
    watermarkQuality: null,
    disconnectedSinceMs: null as number | null,
    silentSinceMs: null as number | null,
  }

  it.each([
    ['receiving', {}],
    ['waiting', { lastReceivedMs: null }],
    ['behind', { backlog: 10_001 }],
    ['silent', { backlog: 10_001, silentSinceMs: 5 }],
    ['disconnected', { silentSinceMs: 5, disconnectedSinceMs: 7 }],
  ])('is %s', async (state, change) => {
    const stats = () => ({
      nowMs: NOW_MS,
      inputs: [{ ...figures, ...change }],
      rules: [],
      ruleset: 'a',
      lastNo: 1,
      queued: 0,
      queueMax: 1,
    })
    const { call } = harness({ stats })
    const response = await call('viewer', 'GET', '/api/v1/inputs')
    expect(response.json()).toMatchObject({ items: [{ ...figures, ...change, state }] })
  })
})
