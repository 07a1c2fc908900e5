import { hash64 } from '../src/lib/hash64.ts'
import type { GroupKey } from '../src/model/group.ts'
import { groupKey } from '../src/model/group.ts'
import { MatchBuilder } from '../src/model/match-builder.ts'
import type { Matches } from '../src/model/matches.ts'
import { createEngine } from '../src/rules/engine.ts'
import { PartitionTracker } from '../src/rules/partition-tracker.ts'
import { compileRuleset } from '../src/config/ruleset.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { costOf, median, parseRate } from './measure.ts'
import { messageBlock, randomOf } from './messages.ts'

const KEYS = 100_000
const SLAB_RECORDS = 150
const SLABS = 4_000
/** Events a second in event time: every key is seen about twice in its window. */
const EVENTS_PER_MS = 3
const START_MS = 1_764_000_000_000
const PARTITION = 'tcp@1'
/** Of `JSON.parse` of as many messages. */
const FLOOR = 0.5

const RULE = `rule: windows
title: Counts per key
group_by: [key]
threshold: { at_least: 50, within: 1m }
where: '*'
`

/** Engine only: rows as the matcher would hand them over, 100,000 groups of one threshold rule. */
export const windows: Benchmark = {
  summary: 'window updates of the engine over 100,000 keys, in order and with 5 % late',
  async run({ rounds }) {
    const block = messageBlock()
    const inOrder = slabs(0)
    const late = slabs(0.05)
    const found = await alternate(
      rounds,
      new Map([
        ['JSON.parse', () => parseRate(block)],
        ['in order', () => updateRate(inOrder)],
        ['5 % late by up to 60 s', () => updateRate(late)],
      ]),
    )
    const yardstick = median(found.get('JSON.parse')!)
    const ratio = (name: string): number => median(found.get(name)!) / yardstick
    return {
      table: [...found].map(([name, rates]) => ({
        what: name,
        'updates per CPU-s': spread(rates, rate),
        'x JSON.parse': (median(rates) / yardstick).toFixed(2),
      })),
      figure: `${rate(median(found.get('in order')!))} updates per CPU-s in order, ${rate(median(found.get('5 % late by up to 60 s')!))} with 5 % late`,
      shortfalls: ['in order', '5 % late by up to 60 s'].flatMap((name) =>
        shortfall(`${name} x JSON.parse`, ratio(name), FLOOR),
      ),
    }
  },
}

const { ruleset } = compileRuleset({
  documents: [{ file: 'windows.yaml', text: RULE }],
  inputs: {},
  fields: {},
})

function slabs(lateShare: number): readonly Matches[] {
  const random = randomOf(7)
  const keys = Array.from({ length: KEYS }, (_, i): GroupKey => groupKey([`host-${i}`]))
  const builder = new MatchBuilder()
  const made: Matches[] = []
  let nth = 0
  let slabMaxMs = -Infinity
  for (let seq = 0; seq < SLABS; seq++) {
    slabMaxMs = -Infinity
    for (let ordinal = 0; ordinal < SLAB_RECORDS; ordinal++, nth++) {
      const onTimeMs = START_MS + Math.floor(nth / EVENTS_PER_MS)
      const lateMs = random() < lateShare ? Math.floor(random() * 60_000) : 0
      const timeMs = onTimeMs - lateMs
      slabMaxMs = Math.max(slabMaxMs, timeMs)
      builder.add({
        rule: 0,
        ordinal,
        timeMs,
        maxTimeMs: slabMaxMs,
        hash: hash64(Buffer.from(String(nth))),
        group: keys[Math.floor(random() * KEYS)]!,
      })
    }
    made.push({
      partition: PARTITION,
      thread: 0,
      seq,
      ruleset: ruleset.hash,
      count: SLAB_RECORDS,
      receivedMs: slabMaxMs,
      maxTimeMs: slabMaxMs,
      ...builder.finish(),
    })
  }
  return made
}

/** One pass over all slabs with a new engine, in slices as the core cuts them under load. */
function updateRate(all: readonly Matches[]): number {
  const timing = { reorderMs: 5_000, idleAfterMs: 60_000 }
  const engine = createEngine({ ruleset, reorderOf: () => timing.reorderMs })
  const partitions = new PartitionTracker([], () => timing)
  const slabsPerSlice = 16
  const { cpuS } = costOf(() => {
    let from = 0
    let no = 0
    for (let first = 0; first < all.length; first += slabsPerSlice) {
      const matches = all.slice(first, first + slabsPerSlice)
      const nowMs = matches.at(-1)!.receivedMs
      const context = { nowMs, partitions, no: ++no }
      engine.apply({ partition: PARTITION, from, matches }, context)
      for (const { count, maxTimeMs, receivedMs } of matches) {
        from += count
        partitions.observe(PARTITION, { maxTimeMs, receivedMs, to: from, nowMs })
      }
      engine.advance(context)
      engine.take()
    }
  })
  return (all.length * SLAB_RECORDS) / cpuS
}
