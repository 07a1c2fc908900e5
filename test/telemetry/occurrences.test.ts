import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { OCCURRENCES } from '../../src/telemetry/occurrence-table.ts'
import { createTelemetry } from '../../src/telemetry/occurrences.ts'
import { capturedLog } from './captured-log.ts'

function setUp() {
  const clock = new ManualClock(1_000_000)
  const log = capturedLog(clock.now)
  const registry = new Registry()
  const telemetry = createTelemetry({
    logger: log.logger,
    registry,
    clock: clock.now,
    timers: clock,
  })
  const value = async (name: string, labels: Record<string, string> = {}) => {
    const metric = await registry.getSingleMetric(name)?.get()
    return metric?.values.find((each) => JSON.stringify(each.labels) === JSON.stringify(labels))
      ?.value
  }
  return { clock, ...log, ...telemetry, value }
}

describe('an occurrence', () => {
  it('becomes one line with its sentence filled in, and one count', async () => {
    const { report, records, value } = setUp()
    report({
      name: 'input.rejected',
      labels: { input: 'payments', reason: 'utf8' },
      detail: { remote: '10.0.0.1' },
    })
    expect(records()).toMatchObject([
      {
        level: 'warn',
        occurrence: 'input.rejected',
        msg: 'input payments refused a record: utf8',
        input: 'payments',
        reason: 'utf8',
        remote: '10.0.0.1',
      },
    ])
    expect(await value('tocsin_input_rejected_total', { input: 'payments', reason: 'utf8' })).toBe(
      1,
    )
    expect(await value('tocsin_input_received_total', { input: 'payments' })).toBe(1)
  })

  it('that happens per record is only counted', async () => {
    const { report, lines, value } = setUp()
    const labels = { input: 'payments', transport: 'tcp' }
    report({ name: 'input.accepted', labels, count: 500 })
    report({ name: 'input.accepted', labels })
    expect(lines).toEqual([])
    expect(await value('tocsin_input_accepted_total', labels)).toBe(501)
  })

  it('that repeats is written once a minute with how many were held back (M2)', () => {
    const { report, records, clock } = setUp()
    const refused = { name: 'input.rejected', labels: { input: 'a', reason: 'utf8' } } as const
    for (let i = 0; i < 100; i++) report(refused)
    report({ name: 'input.rejected', labels: { input: 'a', reason: 'depth' } })
    expect(records()).toHaveLength(2)
    clock.advance(60_000)
    expect(records()).toHaveLength(3)
    expect(records()[2]).toMatchObject({ reason: 'utf8', held_back: 98 })
  })

  it('gets one line a minute however long the flood lasts', () => {
    const { report, records, clock } = setUp()
    for (let second = 0; second < 600; second++) {
      report({ name: 'input.rejected', labels: { input: 'a', reason: 'utf8' } })
      clock.advance(1_000)
    }
    expect(records().length).toBeLessThanOrEqual(11)
    expect(records().length).toBeGreaterThanOrEqual(10)
  })

  it('held back at the end is written by close', () => {
    const { report, records, close } = setUp()
    report({ name: 'http.failed' })
    report({ name: 'http.failed' })
    close()
    expect(records()).toHaveLength(2)
  })

  it('counts a delivery only when it came to an end', async () => {
    const { report, value } = setUp()
    const attempt = (outcome: string) =>
      report({ name: 'delivery.attempted', labels: { receiver: 'soc', outcome, reason: '' } })
    attempt('retry')
    attempt('retry')
    attempt('delivered')
    report({ name: 'delivery.dead', labels: { receiver: 'soc' } })
    const deliveries = 'tocsin_webhook_deliveries_total'
    expect(await value(deliveries, { receiver: 'soc', outcome: 'delivered' })).toBe(1)
    expect(await value(deliveries, { receiver: 'soc', outcome: 'dead' })).toBe(1)
    expect(
      await value('tocsin_webhook_attempts_total', {
        receiver: 'soc',
        outcome: 'retry',
        reason: '',
      }),
    ).toBe(2)
  })

  it('never makes more series than the cap, whatever the labels are (M1)', async () => {
    const { report, registry, value } = setUp()
    for (let i = 0; i < 5_000; i++) {
      report({ name: 'input.rejected', labels: { input: `host-${i}`, reason: 'utf8' } })
    }
    const text = await registry.metrics()
    expect(text.split('\n').filter((line) => line.startsWith('tocsin')).length).toBeLessThan(2_100)
    expect(
      await value('tocsin_input_rejected_total', { input: 'other', reason: 'other' }),
    ).toBeGreaterThan(3_000)
    expect(await value('tocsin_metric_series_folded_total')).toBeGreaterThan(3_000)
  })

  it('takes no label from the detail, which may quote events (I10)', async () => {
    const { report, registry } = setUp()
    report({ name: 'input.rejected', labels: { input: 'a', reason: 'b', host: 'evil-host' } })
    report({ name: 'input.rejected', detail: { input: 'evil-input' } })
    expect(await registry.metrics()).not.toContain('evil')
  })
})

describe('the table', () => {
  it('fills every placeholder of a sentence from a label of its metric or a known detail', () => {
    for (const [name, entry] of Object.entries(OCCURRENCES)) {
      const placeholders = [...entry.sentence.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const labels = entry.counts.flatMap((counting) => counting.metric.labels)
      if (labels.length === 0) continue
      const known = [...labels, 'number', 'title']
      for (const placeholder of placeholders) expect(known, name).toContain(placeholder)
    }
  })
})
