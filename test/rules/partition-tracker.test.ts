import { describe, expect, it } from 'vitest'
import type { PartitionLink } from '../../src/model/partition.ts'
import { PartitionTracker, RETIRED_MAX } from '../../src/rules/partition-tracker.ts'

const S = 1_000
const timing = () => ({ reorderMs: 5 * S, idleAfterMs: 60 * S })
const caughtUp = (): boolean => true
const up = (): PartitionLink => 'up'

function tracker(): PartitionTracker {
  return new PartitionTracker([], timing)
}

/** One record of this time, received at the same. */
function seen(partitions: PartitionTracker, id: string, timeMs: number, to = 1): void {
  partitions.observe(id, { maxTimeMs: timeMs, receivedMs: timeMs, to, nowMs: timeMs })
}

/** Writes the clock entry that is due, as the core does. */
function tick(partitions: PartitionTracker, nowMs: number, isCaughtUp = caughtUp): string[] {
  const body = partitions.due(nowMs, isCaughtUp, up)
  if (body === undefined) return []
  partitions.applyClock(body)
  return body.partitions.map(({ id, progress }) => `${id} ${progress}`)
}

describe('the watermark of a partition', () => {
  it('is its greatest min(time, received) minus reorder, and never falls', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    seen(partitions, 'a@1', 90 * S, 2)
    expect(partitions.watermark([], 'event', 100 * S)).toEqual({
      ms: 95 * S,
      quality: 'witnessed',
    })
    expect(partitions.witnessed('a@1', 'event')).toBe(95 * S)
  })

  it('keeps one by event time and one by receipt', () => {
    const partitions = tracker()
    partitions.observe('a@1', { maxTimeMs: 40 * S, receivedMs: 100 * S, to: 1, nowMs: 101 * S })
    expect(partitions.witnessed('a@1', 'event')).toBe(35 * S)
    expect(partitions.witnessed('a@1', 'received')).toBe(95 * S)
  })

  it('is unknown before the first event', () => {
    const partitions = tracker()
    partitions.open('a@1', 'a', 1, 0)
    expect(partitions.witnessed('a@1', 'event')).toBe(-Infinity)
    expect(partitions.witnessed('b@1', 'event')).toBe(-Infinity)
  })
})

describe('a partition that nobody has opened', () => {
  it('is judged by what its input has witnessed from its first record on', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    seen(partitions, 'a@3', 300 * S)
    seen(partitions, 'b@1', 200 * S)
    expect(partitions.witnessed('a@2', 'event')).toBe(95 * S)
    expect(partitions.witnessed('a@2', 'received')).toBe(95 * S)
    seen(partitions, 'a@2', 50 * S)
    expect(partitions.witnessed('a@2', 'event')).toBe(95 * S)
  })
})

describe('the watermark of several inputs', () => {
  it('is the lowest of the partitions asked for', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    seen(partitions, 'b@1', 70 * S)
    expect(partitions.watermark(['a'], 'event', 0).ms).toBe(95 * S)
    expect(partitions.watermark(['a', 'b'], 'event', 0).ms).toBe(65 * S)
    expect(partitions.watermark([], 'event', 0).ms).toBe(65 * S)
  })

  it('is held by a partition that has shown nothing yet, until that is idle', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    partitions.open('b@1', 'b', 1, 100 * S)
    expect(partitions.watermark([], 'event', 100 * S).ms).toBe(-Infinity)
    tick(partitions, 160 * S)
    expect(partitions.watermark([], 'event', 160 * S)).toEqual({ ms: 95 * S, quality: 'assumed' })
  })

  it('is nothing where no partition is', () => {
    expect(tracker().watermark([], 'event', 9).ms).toBe(-Infinity)
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    expect(partitions.watermark(['b'], 'event', 0).ms).toBe(-Infinity)
  })
})

describe('an idle partition', () => {
  it('follows the clock, as an assumption, once it is caught up and silent for idle_after', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    expect(tick(partitions, 159_999)).toEqual([])
    expect(tick(partitions, 160 * S)).toEqual(['a@1 idle'])
    expect(partitions.watermark([], 'event', 170 * S)).toEqual({ ms: 105 * S, quality: 'assumed' })
  })

  it('is never assumed below what it witnessed', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    tick(partitions, 160 * S)
    expect(partitions.watermark([], 'event', 160 * S)).toEqual({
      ms: 95 * S,
      quality: 'witnessed',
    })
  })

  it('makes the whole assumed, although another partition is the lowest', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    seen(partitions, 'b@1', 150 * S)
    tick(partitions, 160 * S)
    seen(partitions, 'b@1', 300 * S, 2)
    expect(partitions.watermark([], 'event', 900 * S)).toEqual({
      ms: 295 * S,
      quality: 'assumed',
    })
  })

  it('wakes with its next record', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    tick(partitions, 160 * S)
    seen(partitions, 'a@1', 170 * S, 2)
    expect(partitions.state('a@1')!.progress).toBe('caught_up')
    expect(partitions.watermark([], 'event', 999 * S).ms).toBe(165 * S)
  })

  it('is not one that still has records to read', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    expect(tick(partitions, 500 * S, () => false)).toEqual(['a@1 behind'])
    expect(partitions.watermark([], 'event', 500 * S).ms).toBe(95 * S)
    expect(tick(partitions, 501 * S)).toEqual(['a@1 idle'])
  })

  it('is also one whose link is down, at once', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    const body = partitions.due(110 * S, caughtUp, () => 'down')!
    expect(body.partitions).toEqual([{ id: 'a@1', link: 'down', progress: 'idle' }])
  })
})

describe('a clock entry', () => {
  it('is not asked for while a backlog lasts less than a second', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    expect(tick(partitions, 100_999, () => false)).toEqual([])
    expect(tick(partitions, 101 * S, () => false)).toEqual(['a@1 behind'])
  })

  it('announces a partition that was opened', () => {
    const partitions = tracker()
    partitions.open('a@1', 'a', 1, 0)
    expect(tick(partitions, 0)).toEqual(['a@1 caught_up'])
    expect(tick(partitions, 1)).toEqual([])
  })

  it('proposes retirement once the partition is read to the end', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    partitions.retire('a@1')
    expect(tick(partitions, 101 * S, () => false)).toEqual(['a@1 behind'])
    expect(partitions.watermark([], 'event', 0).ms).toBe(95 * S)
    expect(tick(partitions, 102 * S)).toEqual(['a@1 retired'])
    expect(partitions.watermark([], 'event', 0).ms).toBe(-Infinity)
    expect(tick(partitions, 999 * S)).toEqual([])
  })
})

describe('a new writer of an input', () => {
  it('is judged by those before it when its records come before any entry names it', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    expect(partitions.witnessed('a@2', 'event')).toBe(95 * S)
    expect(partitions.states().map(({ id }) => id)).toEqual(['a@1'])
  })

  it('starts with the greatest watermark of those before it', () => {
    const partitions = tracker()
    seen(partitions, 'a@1', 100 * S)
    seen(partitions, 'a@2', 80 * S)
    seen(partitions, 'b@1', 900 * S)
    partitions.open('a@3', 'a', 3, 120 * S)
    expect(partitions.state('a@3')).toMatchObject({
      maxTimeMs: 100 * S,
      maxReceivedMs: 100 * S,
      next: 0,
      epoch: 3,
      lastReceivedMs: 120 * S,
    })
  })
})

describe('what is kept of retired partitions', () => {
  /** A hundred starts: each opens its partition, reads the former one to its end and retires it. */
  function restarted(partitions: PartitionTracker, inputs: readonly string[]): void {
    for (let epoch = 1; epoch <= 100; epoch++) {
      for (const input of inputs) {
        partitions.open(`${input}@${epoch}`, input, epoch, epoch * S)
        partitions.retire(`${input}@${epoch - 1}`)
      }
      tick(partitions, epoch * S)
      for (const input of inputs) seen(partitions, `${input}@${epoch}`, epoch * S)
    }
  }

  it('is bounded for each input, however often a process was started', () => {
    const partitions = tracker()
    restarted(partitions, ['a', 'b'])
    partitions.applyClock({ kind: 'clock', nowMs: 100 * S, partitions: [] })
    const epochs = partitions.states().map(({ id }) => id)
    expect(epochs).toHaveLength(2 * (RETIRED_MAX + 1))
    expect(partitions.state(`a@${99 - RETIRED_MAX}`)).toBeUndefined()
    expect(partitions.state(`a@${100 - RETIRED_MAX}`)).toMatchObject({ progress: 'retired' })
    expect(partitions.state('b@100')).toMatchObject({ progress: 'caught_up' })
  })

  it('is enough for the next one to start with what was witnessed', () => {
    const partitions = tracker()
    restarted(partitions, ['a'])
    partitions.open('a@101', 'a', 101, 101 * S)
    expect(partitions.state('a@101')).toMatchObject({ maxTimeMs: 100 * S })
  })

  it('never takes one that is not read to its end', () => {
    const partitions = tracker()
    partitions.open('a@0', 'a', 0, 0)
    for (let epoch = 1; epoch <= 100; epoch++) partitions.open(`a@${epoch}`, 'a', epoch, 0)
    for (let epoch = 1; epoch < 100; epoch++) partitions.retire(`a@${epoch}`)
    const [, second] = tick(partitions, 0)
    expect([second, partitions.state('a@1')?.progress]).toEqual(['a@1 retired', 'retired'])
    partitions.applyClock({ kind: 'clock', nowMs: 0, partitions: [] })
    expect(partitions.states()).toHaveLength(RETIRED_MAX + 2)
    const left = partitions.states().filter(({ progress }) => progress !== 'retired')
    expect(left.map(({ id }) => id)).toEqual(['a@0', 'a@100'])
  })

  it('knows of one that it was there, and of one that was not', () => {
    const partitions = tracker()
    restarted(partitions, ['a'])
    partitions.applyClock({ kind: 'clock', nowMs: 100 * S, partitions: [] })
    const ids = ['a@1', 'a@100', 'a@101', 'b@1']
    expect(ids.filter((id) => partitions.hasForgotten(id))).toEqual(['a@1'])
  })

  it('of each log only the latest, and one says nothing about another', () => {
    const partitions = tracker()
    for (let epoch = 5; epoch <= 7; epoch++) {
      for (const log of ['x', 'y']) partitions.open(`a#${log}@${epoch}`, 'a', epoch, 0)
    }
    for (const id of ['a#x@5', 'a#x@6', 'a#y@5']) partitions.retire(id)
    tick(partitions, 0)
    partitions.applyClock({ kind: 'clock', nowMs: 0, partitions: [] })
    const ids = ['a#x@5', 'a#x@6', 'a#x@7', 'a#y@4', 'a#y@5', 'a#z@1']
    expect(ids.filter((id) => partitions.hasForgotten(id))).toEqual(['a#x@5', 'a#y@4'])
  })

  it('one that was forgotten and goes on after all is read as a new one', () => {
    const partitions = tracker()
    restarted(partitions, ['a'])
    seen(partitions, 'a@1', 50 * S, 7)
    expect(partitions.state('a@1')).toMatchObject({ next: 7, maxTimeMs: 50 * S, epoch: 1 })
  })
})

describe('a replay', () => {
  it('that sees the same entries holds the same states', () => {
    const live = tracker()
    const replayed = tracker()
    live.open('a@1', 'a', 1, 0)
    const opened = live.due(0, caughtUp, up)!
    for (const each of [live, replayed]) each.applyClock(opened)
    for (const each of [live, replayed]) seen(each, 'a@1', 100 * S)
    const silent = live.due(160 * S, caughtUp, up)!
    for (const each of [live, replayed]) each.applyClock(silent)
    live.open('a@2', 'a', 2, 161 * S)
    live.retire('a@1')
    const next = live.due(161 * S, caughtUp, up)!
    for (const each of [live, replayed]) each.applyClock(next)
    expect(replayed.states()).toEqual(live.states())
    expect(live.states().map(({ progress }) => progress)).toEqual(['retired', 'caught_up'])
  })
})
