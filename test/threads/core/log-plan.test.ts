import { describe, expect, it } from 'vitest'

import type { PartitionState } from '../../../src/model/partition.ts'
import { epochOfPartition, inputOfPartition } from '../../../src/model/slab.ts'
import { planLogs } from '../../../src/threads/core/log-plan.ts'

function state(
  id: string,
  offset: number,
  progress: PartitionState['progress'] = 'caught_up',
): PartitionState {
  return {
    id,
    input: inputOfPartition(id),
    epoch: epochOfPartition(id),
    next: 3,
    maxTimeMs: null,
    maxReceivedMs: null,
    lastReceivedMs: 0,
    link: 'up',
    progress,
    offset,
  }
}

const FOUND = { low: 100, high: 200, start: 200 }

describe('where reading of a log goes on', () => {
  it.each([
    ['where its input says, when neither it nor its topic was read', [], 200, []],
    ['where it was evaluated up to', [state('in#orders/A/0@4', 150)], 150, []],
    [
      'where the last writer had come, not one before it',
      [state('in#orders/A/0@10', 160, 'retired'), state('in#orders/A/0@9', 170, 'retired')],
      160,
      [],
    ],
    [
      'at its lowest offset when retention was quicker, and says what is missing',
      [state('in#orders/A/0@4', 60)],
      100,
      [{ log: 'orders/A/0', from: 60, to: 100, reason: 'retention' }],
    ],
    [
      'at its end when the log was cut off below what was read',
      [state('in#orders/A/0@4', 250)],
      200,
      [{ log: 'orders/A/0', from: 200, to: 250, reason: 'truncated' }],
    ],
    [
      'from the beginning of a partition that was added, with what it has lost already',
      [state('in#orders/A/1@4', 5)],
      100,
      [{ log: 'orders/A/0', from: 0, to: 100, reason: 'retention' }],
    ],
    [
      'from the beginning of a topic that was made anew, whose former self is named',
      [state('in#orders/B/0@4', 70)],
      100,
      [
        { log: 'orders/A/0', from: 0, to: 100, reason: 'retention' },
        { log: 'orders/B/0', from: 70, to: 70, reason: 'recreated' },
      ],
    ],
    [
      'without naming a former topic again that was given up before',
      [state('in#orders/B/0@4', 70, 'retired'), state('in#orders/A/0@4', 120)],
      120,
      [],
    ],
  ])('%s', (_name, states, offset, gaps) => {
    const plan = planLogs([{ log: 'orders/A/0', ...FOUND }], states)
    expect(plan).toEqual({ plans: [{ log: 'orders/A/0', offset }], gaps })
  })

  it('begins a new topic within its range, wherever its input says', () => {
    const plans = (start: number) => planLogs([{ log: 't/A/0', low: 5, high: 9, start }], []).plans
    expect(plans(0)).toEqual([{ log: 't/A/0', offset: 5 }])
    expect(plans(7)).toEqual([{ log: 't/A/0', offset: 7 }])
    expect(plans(12)).toEqual([{ log: 't/A/0', offset: 9 }])
  })

  it('never asks for an offset that the log has not', () => {
    for (const at of [0, 99, 100, 150, 200, 201, 1_000]) {
      const { plans } = planLogs([{ log: 't/A/0', ...FOUND }], [state('in#t/A/0@1', at)])
      expect(plans[0]!.offset).toBeGreaterThanOrEqual(FOUND.low)
      expect(plans[0]!.offset).toBeLessThanOrEqual(FOUND.high)
    }
  })
})
