import { describe, expect, it } from 'vitest'
import { sloExposition } from '../../src/telemetry/slo-exposition.ts'
import { sampleSlo } from './sample-metrics.ts'

describe('/metrics/slo', () => {
  it('counts events by outcome and shows target, SLI, budget and burn rate', async () => {
    const labels =
      'slo="checkout-availability",service="checkout",window="30d",method="occurrences",exclusions="raw"'
    const text = await sloExposition([sampleSlo()])
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'tocsin_slo_events_total{slo="checkout-availability",service="checkout",outcome="good"} 976',
      'tocsin_slo_events_total{slo="checkout-availability",service="checkout",outcome="bad"} 41',
      `tocsin_slo_objective_ratio{${labels}} 0.999`,
      `tocsin_slo_sli_ratio{${labels}} ${976 / 1_017}`,
      `tocsin_slo_error_budget_remaining_ratio{${labels}} -39.3`,
      'tocsin_slo_burn_rate{slo="checkout-availability",window="5m"} 40.3',
    ])
  })

  it('leaves a figure without data out, never 0', async () => {
    const text = await sloExposition([
      sampleSlo({ sli: null, budgetRemaining: Number.NaN, burnRates: [] }),
    ])
    expect(text).toContain('tocsin_slo_events_total{')
    expect(text).not.toMatch(/^tocsin_slo_(sli|error_budget|burn)/m)
  })

  it('escapes whatever stands in a name', async () => {
    const text = await sloExposition([sampleSlo({ slo: 'a"} 1\nevil{x="\\' })])
    expect(text).not.toMatch(/^evil/m)
    expect(text).toContain(String.raw`slo="a\"} 1\nevil{x=\"\\"`)
  })

  it('remembers nothing from one scrape to the next', async () => {
    await sloExposition([sampleSlo()])
    expect(await sloExposition([])).not.toContain('checkout')
  })
})
