import { expect, it } from 'vitest'

import type { Gap } from '../../../src/model/commit.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import { ToldGaps } from '../../../src/threads/core/told-gaps.ts'
import { entry } from '../../store/builders.ts'

/** How many gaps are counted of these, and their seconds. */
function counted(...gaps: Gap[]): { gaps: number; seconds: number } {
  const occurrences: Occurrence[] = []
  const told = new ToldGaps((occurrence) => void occurrences.push(occurrence))
  for (const gap of gaps) told.tell([{ ...entry(), gaps: [gap] }, entry()])
  const sum = (name: Occurrence['name']): number =>
    occurrences
      .filter((occurrence) => occurrence.name === name)
      .reduce((all, { count = 1 }) => all + count, 0)
  return { gaps: sum('input.gap'), seconds: sum('input.gap_time') }
}

function dropped(fromMs: number, toMs: number): Gap {
  return { reason: 'dropped', partition: 'web@1', records: 1, fromMs, toMs, at: 0 }
}

function apart(reason: 'down' | 'disconnected', fromMs: number, toMs: number | null): Gap {
  return { reason, partition: 'web@1', at: 0, fromMs, toMs }
}

it.each<[string, Gap[], { gaps: number; seconds: number }]>([
  ['time without anybody', [apart('down', 1_000, 61_000)], { gaps: 1, seconds: 60 }],
  ['what lasts', [apart('disconnected', 0, null)], { gaps: 1, seconds: 0 }],
  [
    'what lasted, once',
    [apart('disconnected', 0, null), apart('disconnected', 0, 5_500)],
    { gaps: 1, seconds: 5.5 },
  ],
  [
    'one after the other',
    [apart('disconnected', 0, 2_000), apart('disconnected', 5_000, 6_000)],
    { gaps: 2, seconds: 3 },
  ],
  [
    'drops that go on, as one',
    [dropped(0, 1_000), dropped(1_000, 2_000), dropped(61_000, 62_000)],
    { gaps: 1, seconds: 62 },
  ],
  [
    'drops that begin again, as two',
    [dropped(0, 1_000), dropped(61_001, 62_000)],
    { gaps: 2, seconds: 1.999 },
  ],
  [
    'a hole, which takes no time',
    [{ reason: 'journal', partition: 'web@1', from: 1, to: 9 }],
    { gaps: 1, seconds: 0 },
  ],
])('counts %s', (_, gaps, expected) => {
  expect(counted(...gaps)).toEqual(expected)
})
