/** `docs/reference/metrics.md` against everything that `/metrics` and `/metrics/slo` can hold. */
import { describe, expect, it } from 'vitest'

import { sloExposition } from '../../src/telemetry/slo-exposition.ts'
import { sampleMetrics, sampleSlo } from '../telemetry/sample-metrics.ts'
import { codeIn, readPage, rowsOf } from './page.ts'

const page = readPage('metrics')

interface Metric {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

const named: Metric[] = rowsOf(page, 'metric', 'type').map((row) => ({
  name: codeIn(row['metric']!),
  type: row['type']!,
  labels: [...row['labels']!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!).toSorted(),
}))

/** What a registry declares, whether or not it has a value now. */
async function declared(): Promise<Metric[]> {
  const { registry } = sampleMetrics()
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, type]))
  return registry.getMetricsAsArray().flatMap((metric) => {
    const { name, labelNames = [] } = metric as { name: string; labelNames?: readonly string[] }
    if (!name.startsWith('tocsin_')) return []
    return [{ name, type: String(types.get(name)), labels: labelNames.toSorted() }]
  })
}

/** The same of an exposition in which every metric has a value. */
function exposed(text: string): Metric[] {
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => {
    const [, written] = new RegExp(`^${name}\\{(.*)\\} `, 'm').exec(text) ?? []
    const labels = [...written!.matchAll(/(\w+)="/g)].map((match) => match[1]!).toSorted()
    return { name: name!, type: type!, labels }
  })
}

describe('the page of metrics', () => {
  it('names exactly the metrics, with type and labels', async () => {
    const all = [...(await declared()), ...exposed(await sloExposition([sampleSlo()]))]
    expect(all.length).toBeGreaterThan(40)
    expect(byName(named)).toEqual(byName(all))
  })

  it('alerts on metrics that there are', () => {
    const names = new Set(named.map(({ name }) => name))
    const used = page.blocks.flatMap(({ code }) => [...code.matchAll(/tocsin_\w+/g)])
    expect(used.length).toBeGreaterThan(0)
    expect(used.filter(([name]) => !names.has(name))).toEqual([])
  })
})

function byName(metrics: readonly Metric[]): Metric[] {
  return metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
