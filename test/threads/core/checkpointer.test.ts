import { expect, test } from 'vitest'
import type { CheckpointNext, SavedBucket } from '../../../src/model/commit.ts'
import { StoreWriteError } from '../../../src/model/commit.ts'
import { Checkpointer } from '../../../src/threads/core/checkpointer.ts'
import type { CheckpointView } from '../../../src/threads/core/checkpointer.ts'
import { createEngine } from '../../../src/rules/engine.ts'
import { rulesetOf } from '../../rules/rule-builder.ts'

const S = 1_000
const NOW = Date.UTC(2026, 0, 5, 9)
const HELD = {
  partition: 'a@1',
  first: 5,
  next: 9,
  minReceivedMs: NOW - 90 * S,
  maxReceivedMs: NOW,
}

const view: CheckpointView = {
  engine: createEngine({ ruleset: rulesetOf(), reorderOf: () => 0 }),
  nextNo: 7,
  time: () => ({ ruleset: null, partitions: [], watermarks: {} }),
}

/** A checkpointer over a store that still has to remove something after so many calls. */
function checkpointerWith({ calls, failing = [] }: { calls: number; failing?: number[] }) {
  const saved: { buckets: readonly SavedBucket[]; next: CheckpointNext | undefined }[] = []
  const reported: string[] = []
  const checkpointer = new Checkpointer({
    store: {
      saveCheckpoint: async (buckets, next) => {
        saved.push({ buckets, next })
        if (failing.includes(saved.length)) {
          throw new StoreWriteError('disk full', { errcode: 13, retryable: true })
        }
        return saved.length < calls
      },
    },
    journal: { partitions: () => [HELD] },
    report: ({ name }) => reported.push(name),
    onComplete: () => undefined,
  })
  return { checkpointer, saved, reported }
}

test('what the store still has to remove is removed between commits, and then it rests', async () => {
  const { checkpointer, saved } = checkpointerWith({ calls: 4 })
  const steps = []
  for (let i = 0; i < 6; i++) steps.push(await checkpointer.step(NOW + i, view))
  expect(steps).toEqual([true, true, true, false, false, false])
  expect(saved.map(({ next }) => next?.no)).toEqual([7, undefined, undefined, undefined])
})

test('a removal that the disk refused is tried again by the next step', async () => {
  const { checkpointer, saved, reported } = checkpointerWith({ calls: 3, failing: [2] })
  const steps = []
  for (let i = 0; i < 4; i++) steps.push(await checkpointer.step(NOW + i, view))
  expect(steps).toEqual([true, false, false, false])
  expect([saved.length, reported]).toEqual([
    3,
    ['core.checkpoint_written', 'core.checkpoint_failed'],
  ])
})

test('a cycle tells what the journal has about once a minute, an hour before its first record', async () => {
  const { checkpointer, saved } = checkpointerWith({ calls: 0 })
  for (let i = 0; i <= 12; i++) await checkpointer.step(NOW + i * 10 * S, view)
  const told = saved.flatMap(({ next }, cycle) => (next?.journal ? [[cycle, next.journal]] : []))
  const journal = { sinceMs: NOW - 90 * S - 3_600 * S, partitions: ['a@1'] }
  expect(told).toEqual([0, 6, 12].map((cycle) => [cycle, journal]))
})
