import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { MatchBuilder } from '../../src/model/match-builder.ts'
import type { Matches } from '../../src/model/matches.ts'
import { PartitionFeed } from '../../src/threads/core/partition-feed.ts'
import { slabName } from '../../src/threads/messages.ts'

const PARTITION = 'web@1'

function matchesOf(thread: number, seq: number, count: number): Matches {
  return {
    partition: PARTITION,
    thread,
    seq,
    ruleset: 'r',
    count,
    receivedMs: 0,
    maxTimeMs: 0,
    ...new MatchBuilder().finish(),
  }
}

function durableOf(thread: number, seq: number, count: number, firstPosition: number) {
  return { partition: PARTITION, thread, seq, count, firstPosition }
}

describe('the slabs of one partition', () => {
  it('reads from the journal what another process wrote on in it', () => {
    const feed = new PartitionFeed(7)
    expect(feed.isCaughtUp).toBe(true)
    feed.grow(9)
    feed.grow(8)
    expect(feed.isCaughtUp).toBe(false)
    expect(feed.take(100)).toEqual([{ from: 7, count: 0, matches: undefined }])
    expect(feed.durableTo).toBe(9)
  })

  it('waits for both the journal and the matches', () => {
    const feed = new PartitionFeed(0)
    feed.durable(durableOf(0, 0, 3, 0))
    expect(feed.take(100)).toEqual([])
    expect(feed.isCaughtUp).toBe(false)
    feed.matches(matchesOf(0, 0, 3), true)
    expect(feed.take(100)).toMatchObject([{ from: 0, count: 3 }])
    expect(feed.isCaughtUp).toBe(true)
  })

  it('does not pass a slab that is not there yet', () => {
    const feed = new PartitionFeed(0)
    feed.durable(durableOf(0, 0, 1, 0))
    feed.durable(durableOf(0, 1, 1, 1))
    feed.matches(matchesOf(0, 1, 1), true)
    expect(feed.take(100)).toEqual([])
    feed.matches(matchesOf(0, 0, 1), true)
    expect(feed.take(100).map(({ from }) => from)).toEqual([0, 1])
  })

  it('forgets the rows of a slab that had no room, but not the slab', () => {
    const feed = new PartitionFeed(0)
    feed.durable(durableOf(0, 0, 5, 0))
    feed.matches(matchesOf(0, 0, 5), false)
    expect(feed.take(100)).toEqual([{ from: 0, count: 5, matches: undefined }])
  })

  it('asks for the journal where a former process left records', () => {
    const feed = new PartitionFeed(40, 100)
    expect(feed.isCaughtUp).toBe(false)
    expect(feed.take(10)).toEqual([{ from: 40, count: 0, matches: undefined }])
  })

  it('drops a slab that the journal refused, whichever answer came first', () => {
    for (const order of ['refused first', 'matches first']) {
      const feed = new PartitionFeed(0)
      const matches = matchesOf(0, 0, 2)
      if (order === 'refused first') feed.refused(slabName(matches))
      feed.matches(matches, true)
      if (order === 'matches first') feed.refused(slabName(matches))
      expect(feed.take(100)).toEqual([])
      expect(feed.waiting).toBe(0)
      expect(feed.isCaughtUp).toBe(true)
    }
  })

  it('gives every durable slab once and in order, however the messages of the threads interleave', () => {
    const slabs = fc.array(
      fc.record({
        thread: fc.integer({ min: 0, max: 2 }),
        count: fc.integer({ min: 1, max: 4 }),
        isRefused: fc.boolean(),
        hasRoom: fc.boolean(),
        // How many later messages of the other kind may overtake it.
        delay: fc.nat(5),
        budget: fc.integer({ min: 1, max: 8 }),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(slabs, (all) => {
        const feed = new PartitionFeed(0)
        const seqs = [0, 0, 0]
        let position = 0
        const named = all.map((slab) => {
          const seq = seqs[slab.thread]!++
          const from = slab.isRefused ? -1 : position
          if (!slab.isRefused) position += slab.count
          return { ...slab, seq, from }
        })
        const steps = named.flatMap((slab, i) => [
          { at: i, run: () => answer(feed, slab) },
          {
            at: i + slab.delay - 2.5,
            run: () => feed.matches(matchesOf(slab.thread, slab.seq, slab.count), slab.hasRoom),
          },
        ])
        steps.sort((a, b) => a.at - b.at)
        const taken: number[] = []
        for (const [i, step] of steps.entries()) {
          step.run()
          const budget = named[i % Math.max(1, named.length)]?.budget ?? 1
          taken.push(...feed.take(budget).map(({ from }) => from))
        }
        for (let rest = feed.take(8); rest.length > 0; rest = feed.take(8)) {
          taken.push(...rest.map(({ from }) => from))
        }
        expect(taken).toEqual(named.filter(({ from }) => from >= 0).map(({ from }) => from))
        expect(feed.waiting).toBe(0)
        expect(feed.rows).toBe(0)
      }),
    )
  })
})

function answer(
  feed: PartitionFeed,
  slab: { thread: number; seq: number; count: number; from: number },
): void {
  const { thread, seq, count, from } = slab
  if (from < 0) feed.refused(slabName({ partition: PARTITION, thread, seq }))
  else feed.durable(durableOf(thread, seq, count, from))
}
