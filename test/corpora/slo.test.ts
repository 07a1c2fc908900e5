import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

import type { BurnWindow, SloCounts } from '../../src/slo/burn-rate.ts'
import {
  BURN_ALERTS,
  BURN_WINDOW_MS,
  BURN_WINDOWS,
  burnFactor,
  burnRate,
  burnsFasterThan,
} from '../../src/slo/burn-rate.ts'

interface Segment {
  minutes: number
  total_per_minute: number
  errors_per_minute: number
}

interface Scenario {
  id: string
  slo_percent: number
  lead_in: Segment
  segments: Segment[]
  expected_firing_intervals_minutes: Record<string, [number, number | null][]>
  burn_rate_at_minute: Record<string, Record<BurnWindow, number | null>>
}

const FILE = new URL('../../../shared/corpora/slo/burn-rate-scenarios.json', import.meta.url)
const TARGET_DECIMALS = 1e9

function scenarios(): Scenario[] {
  if (!existsSync(FILE)) {
    throw new Error(
      'the corpora are missing: expected ../shared/corpora/slo/burn-rate-scenarios.json beside the project',
    )
  }
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { scenarios: Scenario[] }).scenarios
}

/** Prefix sums over the minutes, so that any window is a difference. */
class Timeline {
  readonly #total = [0]
  readonly #bad = [0]
  readonly #lead: number
  readonly length: number

  constructor({ lead_in, segments }: Scenario) {
    for (const { minutes, total_per_minute, errors_per_minute } of [lead_in, ...segments]) {
      for (let i = 0; i < minutes; i++) {
        this.#total.push(this.#total.at(-1)! + total_per_minute)
        this.#bad.push(this.#bad.at(-1)! + errors_per_minute)
      }
    }
    this.#lead = lead_in.minutes
    this.length = this.#total.length - 1 - lead_in.minutes
  }

  /** Counts of (minute − window, minute]. */
  window(minute: number, window: BurnWindow): SloCounts {
    const end = this.#lead + minute
    const start = Math.max(0, end - BURN_WINDOW_MS[window] / 60_000)
    return {
      total: this.#total[end]! - this.#total[start]!,
      bad: this.#bad[end]! - this.#bad[start]!,
    }
  }
}

const NAMES = [
  'page_fast_14.4_1h_5m',
  'page_slow_6_6h_30m',
  'ticket_fast_3_1d_2h',
  'ticket_slow_1_3d_6h',
]

describe.each(scenarios())('burn-rate scenario $id', (scenario) => {
  const target = Math.round((scenario.slo_percent / 100) * TARGET_DECIMALS) / TARGET_DECIMALS
  const timeline = new Timeline(scenario)

  test('has the expected burn rates', () => {
    const minutes = Object.entries(scenario.burn_rate_at_minute)
    expect(minutes.length).toBeGreaterThan(0)
    for (const [minute, expected] of minutes) {
      for (const window of BURN_WINDOWS) {
        const rate = burnRate(timeline.window(Number(minute), window), target)
        const rounded = rate === null ? null : Math.round(rate * 1e6) / 1e6
        expect(rounded, `${window} at minute ${minute}`).toBe(expected[window])
      }
    }
  })

  test.each(BURN_ALERTS.map((alert, i) => ({ alert, name: NAMES[i]! })))(
    'fires $name in the expected minutes',
    ({ alert, name }) => {
      const factor = burnFactor(alert)
      const fires = (minute: number) =>
        burnsFasterThan(factor, timeline.window(minute, alert.long), target) &&
        burnsFasterThan(factor, timeline.window(minute, alert.short), target)
      const minutes = Array.from({ length: timeline.length + 1 }, (_, minute) => minute)
      expect(minutes.filter(fires)).toEqual(
        minutes.filter((minute) =>
          scenario.expected_firing_intervals_minutes[name]!.some(
            ([from, to]) => minute >= from && minute < (to ?? Infinity),
          ),
        ),
      )
    },
  )
})
