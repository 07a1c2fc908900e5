import { beforeAll, describe, expect, it } from 'vitest'
import { sloExposition } from '../../src/telemetry/slo-exposition.ts'
import { reportEverything, sampleMetrics, sampleSlo } from '../telemetry/sample-metrics.ts'
import { checkMetrics, findPromtool } from './promtool.ts'

let promtool: string
beforeAll(() => {
  promtool = findPromtool()
})

describe('promtool check metrics', () => {
  it('finds nothing to say about /metrics with every metric filled', async () => {
    const { registry, report } = sampleMetrics()
    reportEverything(report)
    const text = await registry.metrics()
    expect(text).toContain('tocsin_webhook_attempts_total{receiver="delivered"')
    expect(checkMetrics(promtool, text)).toEqual({ status: 0, output: '' })
  })

  it('finds nothing to say about /metrics right after the start', async () => {
    const { registry } = sampleMetrics({ stats: () => undefined })
    expect(checkMetrics(promtool, await registry.metrics())).toEqual({ status: 0, output: '' })
  })

  it('finds nothing to say about /metrics/slo with and without data', async () => {
    const rows = [
      sampleSlo(),
      sampleSlo({ slo: 'quiet', sli: null, budgetRemaining: null, burnRates: [] }),
      sampleSlo({ slo: 'odd "name"\\\n', service: '<b>' }),
    ]
    expect(checkMetrics(promtool, await sloExposition(rows))).toEqual({ status: 0, output: '' })
    expect(checkMetrics(promtool, await sloExposition([]))).toEqual({ status: 0, output: '' })
  })

  it('would have complained: a counter without _total is found', () => {
    const text = '# HELP tocsin_x X.\n# TYPE tocsin_x counter\ntocsin_x 1\n'
    expect(checkMetrics(promtool, text).status).not.toBe(0)
  })
})
