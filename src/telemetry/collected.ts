import type { Counter, Gauge, Registry } from 'prom-client'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Metric = typeof Counter | typeof Gauge

/**
 * Registers a metric whose series are built anew at each scrape, so that a series without data
 * is absent instead of stale. A value that is no finite number is left out.
 */
export function collected(
  Kind: Metric,
  registry: Registry,
  options: {
    readonly name: string
    readonly help: string
    readonly labels?: readonly string[]
    readonly values: () => readonly Sample[] | Promise<readonly Sample[]>
  },
): void {
  const { name, help, labels = [], values } = options
  const metric: Counter | Gauge = new Kind({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    async collect() {
      const samples = await values()
      clear(metric, labels)
      for (const sample of samples) {
        if (Number.isFinite(sample.value)) metric.inc({ ...sample.labels }, sample.value)
      }
    },
  })
  clear(metric, labels)
}

/** `reset` leaves a metric without labels at 0: without data it has to be absent. */
function clear(metric: Counter | Gauge, labels: readonly string[]): void {
  metric.reset()
  if (labels.length === 0) metric.remove()
}
