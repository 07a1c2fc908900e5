import { describe, expect, test } from 'vitest'

import type { PartitionState } from '../../../src/model/partition.ts'
import { InputGaps } from '../../../src/threads/core/input-gaps.ts'

const FROM_MS = Date.UTC(2026, 0, 5, 9)
const former = ['web', 'syslog'].map(
  (input) => ({ id: `${input}@1`, input, maxReceivedMs: FROM_MS }) as PartitionState,
)
const opened = (...inputs: string[]) =>
  inputs.map((input) => ({ partition: `${input}@2`, hasConnections: true }))

function restarted(): InputGaps {
  const gaps = new InputGaps()
  gaps.restore(FROM_MS, former)
  return gaps
}

const ENTRY = {
  body: { kind: 'clock', nowMs: FROM_MS, partitions: [] },
  effects: { episodes: [] },
} as unknown as Parameters<InputGaps['writeTo']>[0]

describe('inputs that listen again', () => {
  test('have no sender, unless one came before all of them listened', () => {
    const gaps = restarted()
    gaps.link({ partition: 'web@2', link: 'up', atMs: FROM_MS + 60_000 })
    gaps.listens(opened('web', 'syslog'), FROM_MS + 60_001, () => undefined)
    expect(['web@2', 'syslog@2'].map((id) => gaps.disconnectedSinceMs(id))).toEqual([
      null,
      FROM_MS + 60_001,
    ])
  })

  test('are one incident about the time before, whichever thread speaks first', () => {
    const gaps = restarted()
    const silentAfterMs = (input: string) => (input === 'web' ? 60_000 : undefined)
    const atMs = FROM_MS + 600_000
    const told = [opened('syslog'), opened('web'), opened('web')].map((inputs) => {
      gaps.listens(inputs, atMs, silentAfterMs)
      return gaps.writeTo(ENTRY, [], () => undefined).effects.episodes.length
    })
    // Opened, and settled at once.
    expect(told).toEqual([0, 2, 0])
  })
})
