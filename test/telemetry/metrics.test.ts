import { describe, expect, it } from 'vitest'
import { input, NOW_MS, rule, sampleMetrics, sampleStats } from './sample-metrics.ts'

async function lines(sources: Parameters<typeof sampleMetrics>[0] = {}): Promise<string[]> {
  const { registry } = sampleMetrics(sources)
  const text = await registry.metrics()
  return text.split('\n').filter((line) => line.startsWith('tocsin_'))
}

describe('/metrics', () => {
  it('sums an input over its partitions and takes the worst of them', async () => {
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'tocsin_input_evaluated_total{input="payments"} 150',
        'tocsin_input_backlog_records{input="payments"} 7',
        'tocsin_input_lag_seconds{input="payments"} 12',
        'tocsin_input_lag_seconds{input="idp"} 0',
        `tocsin_input_last_event_timestamp_seconds{input="payments"} ${(NOW_MS - 500) / 1_000}`,
        `tocsin_input_watermark_timestamp_seconds{input="payments"} ${(NOW_MS - 20_000) / 1_000}`,
      ]),
    )
  })

  it('leaves out what is not known instead of saying 0', async () => {
    const text = (await lines()).join('\n')
    expect(text).not.toContain('tocsin_input_last_event_timestamp_seconds{input="idp"}')
    expect(text).not.toContain('tocsin_input_watermark_timestamp_seconds{input="idp"}')
    const early = (await lines({ stats: () => undefined })).join('\n')
    expect(early).not.toMatch(/^tocsin_(core_queue|input_lag|rules_loaded)/m)
  })

  it('shows only rules that matched in the last 24 h, at most 500 of them', async () => {
    const shown = (await lines()).filter((line) => line.startsWith('tocsin_rule_matches_total'))
    expect(shown).toEqual(['tocsin_rule_matches_total{rule="checkout-5xx"} 61'])
    const rules = Array.from({ length: 3_000 }, (_, i) =>
      rule(`r${i}`, { matches: 1, lastMatchMs: NOW_MS - i }),
    )
    const many = await lines({ stats: () => sampleStats({ rules }) })
    const series = many.filter((line) => line.startsWith('tocsin_rule_matches_total'))
    expect(series).toHaveLength(500)
    expect(series[0]).toContain('"r0"')
  })

  it('counts the rules that lack records for now', async () => {
    const warming = rule('a', { matches: 0, lastMatchMs: null, warmingUntilMs: NOW_MS + 1 })
    const rules = [warming, rule('b', { matches: 1, lastMatchMs: NOW_MS })]
    expect(await lines({ stats: () => sampleStats({ rules }) })).toContain('tocsin_rules_warming 1')
    expect(await lines()).toContain('tocsin_rules_warming 0')
  })

  it('takes incidents and outbox from the database', async () => {
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'tocsin_incidents_open{severity="high",phase="identification",mode="real"} 2',
        'tocsin_incidents_open{severity="low",phase="recovery",mode="shadow"} 1',
        'tocsin_incidents_total{severity="high",mode="real"} 17',
        'tocsin_webhook_pending{receiver="soc"} 2',
        'tocsin_webhook_dlq_size{receiver="soc"} 1',
        'tocsin_webhook_oldest_pending_seconds{receiver="soc"} 90',
        'tocsin_webhook_oldest_pending_seconds{receiver="chat"} 0',
      ]),
    )
  })

  it('stays up when the database does not answer, and reports it', async () => {
    const failing = async () => {
      throw new Error('database is locked')
    }
    const { registry, records } = sampleMetrics({ incidents: failing, outbox: failing })
    const text = await registry.metrics()
    expect(text).toContain('tocsin_core_queue_slabs 3')
    expect(text).not.toContain('tocsin_incidents_open{')
    const next = await registry.metrics()
    expect(next).toContain('tocsin_telemetry_failures_total{part="incidents"} 1')
    expect(records()).toMatchObject([
      { occurrence: 'telemetry.failed', part: 'incidents' },
      { occurrence: 'telemetry.failed', part: 'outbox' },
    ])
  })

  it('does not keep a series whose thing is gone', async () => {
    let stats = sampleStats()
    const { registry } = sampleMetrics({ stats: () => stats })
    expect(await registry.metrics()).toContain('input="idp"')
    stats = sampleStats({ inputs: [input('payments', 'payments/1', { evaluated: 9 })] })
    const text = await registry.metrics()
    expect(text).not.toContain('input="idp"')
    expect(text).toContain('tocsin_input_evaluated_total{input="payments"} 9')
  })

  it('says which configuration is active and how the last reload went', async () => {
    const shown = await lines({
      config: () => ({ hash: 'ab12cd34ef567890', lastReloadOk: false, lastReloadMs: null }),
    })
    expect(shown).toContain('tocsin_config_hash 188097240559446')
    expect(shown).toContain('tocsin_config_last_reload_successful 0')
    expect(shown.join('\n')).not.toContain('tocsin_config_last_reload_timestamp_seconds')
    expect(shown).toContain('tocsin_build_info{version="0.1.0"} 1')
  })
})
