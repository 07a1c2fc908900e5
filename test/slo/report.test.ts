import { describe, expect, test } from 'vitest'

import type { Objective } from '../../src/slo/objective.ts'
import { sloReport } from '../../src/slo/report.ts'
import { MemorySloReader } from './memory-slo-reader.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const NOW = Date.UTC(2026, 0, 15, 12, 0, 30)

const OBJECTIVE: Objective = {
  id: 'checkout-availability',
  title: 'Checkout answers',
  service: 'checkout',
  target: 0.999,
  periodMs: 30 * DAY,
  inputs: [],
  groupBy: [],
  minEvents: 0,
  labels: {},
  file: 'slo.yaml',
  line: 1,
}
const id = OBJECTIVE.id

async function report(reader: MemorySloReader, values: Partial<Objective> = {}, nowMs = NOW) {
  const [row] = await sloReport([{ ...OBJECTIVE, ...values }], reader, nowMs)
  return row!
}

describe('a report of an objective', () => {
  test('without an event says that there is no data, not that all is well or lost', async () => {
    const row = await report(new MemorySloReader())
    expect(row).toMatchObject({
      objective: { id },
      errorBudget: 0.001,
      totals: { good: 0, bad: 0 },
      period: {
        total: 0,
        bad: 0,
        state: 'no_data',
        sli: null,
        errorBudgetRemaining: null,
        burnRate: null,
      },
      latestMinuteMs: null,
    })
    expect(row.burn.map(({ burnRate, state }) => [burnRate, state])).toEqual(
      Array.from({ length: 7 }, () => [null, 'no_data']),
    )
  })

  test('counts what happened in the minute that still runs', async () => {
    const reader = new MemorySloReader()
    reader.count(id, NOW - 20_000, 1017, 41)
    const row = await report(reader)
    expect(row.totals).toEqual({ good: 976, bad: 41 })
    expect(row.period.sli).toBe(976 / 1017)
    expect(row.period.errorBudgetRemaining).toBe(1 - 41 / (1017 * 0.001))
    expect(row.burn.map(({ window, burnRate }) => [window, burnRate])).toEqual(
      ['5m', '30m', '1h', '2h', '6h', '1d', '3d'].map((window) => [window, 41 / (1017 * 0.001)]),
    )
  })

  test('takes each window to the minute, and everything ever into the totals', async () => {
    const reader = new MemorySloReader()
    const minute = NOW - 30_000
    // Windows are (end − w, end] in whole minutes: five of them in 5m.
    reader.count(id, minute - 4 * MINUTE, 100, 1)
    reader.count(id, minute - 5 * MINUTE, 100, 10)
    reader.count(id, minute - 31 * DAY, 100, 100)
    const row = await report(reader)
    expect(row.burn.slice(0, 2)).toMatchObject([
      { window: '5m', total: 100, bad: 1, burnRate: 10 },
      { window: '30m', total: 200, bad: 11, burnRate: 55 },
    ])
    expect(row.period).toMatchObject({ total: 200, bad: 11, toMs: minute + MINUTE })
    expect(row.totals).toEqual({ good: 189, bad: 111 })
    expect(row.latestMinuteMs).toBe(minute - 4 * MINUTE)
  })

  test('says nothing of a window with fewer events than min_events, but shows its counts', async () => {
    const reader = new MemorySloReader()
    reader.count(id, NOW, 50, 5)
    reader.count(id, NOW - 2 * 3_600_000, 150, 0)
    const row = await report(reader, { minEvents: 200 })
    const [fast, slow] = [row.burn[0]!, row.burn[4]!]
    expect(fast).toMatchObject({
      window: '5m',
      total: 50,
      bad: 5,
      state: 'too_few',
      burnRate: null,
    })
    expect(slow).toMatchObject({
      window: '6h',
      total: 200,
      bad: 5,
      state: 'measured',
      burnRate: 25,
    })
    expect(row).toMatchObject({ period: { sli: 0.975, state: 'measured' } })
    expect(await report(reader, { minEvents: 201 })).toMatchObject({
      period: { state: 'too_few', total: 200, sli: null, errorBudgetRemaining: null },
      totals: { good: 195, bad: 5 },
    })
  })

  test('runs empty when the traffic stops, window by window', async () => {
    const reader = new MemorySloReader()
    reader.count(id, NOW, 100, 50)
    const later = await report(reader, {}, NOW + 45 * MINUTE)
    expect(later.burn.map(({ burnRate }) => burnRate)).toEqual([
      null,
      null,
      500,
      500,
      500,
      500,
      500,
    ])
  })

  test('keeps the objectives apart and in their order', async () => {
    const reader = new MemorySloReader()
    reader.count('a', NOW, 10, 1)
    reader.count('b', NOW, 10, 2)
    const rows = await sloReport(
      [
        { ...OBJECTIVE, id: 'b' },
        { ...OBJECTIVE, id: 'a' },
      ],
      reader,
      NOW,
    )
    expect(rows.map(({ objective, totals }) => [objective.id, totals.bad])).toEqual([
      ['b', 2],
      ['a', 1],
    ])
  })
})
