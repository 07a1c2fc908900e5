import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { compileRuleset } from '../src/config/ruleset.ts'
import { groupKey } from '../src/model/group.ts'
import { MatchBuilder } from '../src/model/match-builder.ts'
import { createEngine } from '../src/rules/engine.ts'
import type { Engine } from '../src/rules/engine.ts'
import { PartitionTracker } from '../src/rules/partition-tracker.ts'
import type { Benchmark } from './benchmark.ts'
import { rate, spread } from './benchmark.ts'
import { costOf, median, parseRate } from './measure.ts'
import { messageBlock, randomOf } from './messages.ts'

const RECORDS_PER_KEY_MAX = 8

/** Each key is seen one to eight times, as often each, or every one eight times. */
interface Load {
  readonly keys: number
  readonly seen: 'up to 8 times' | '8 times'
}

/** The heaviest first: later ones find memory that it gave back. Its floors count. */
const LOADS: readonly Load[] = [
  { keys: 1_000_000, seen: '8 times' },
  { keys: 1_000_000, seen: 'up to 8 times' },
  { keys: 100_000, seen: 'up to 8 times' },
]
const MOST = LOADS[0]!
const SLICE_RECORDS = 2_000
const START_MS = 1_764_000_000_000
const PARTITION = 'tcp@1'
const RSS_MAX_MB = 300
const PAUSE_MAX_MS = 50

interface Figures {
  readonly updates: number
  readonly rssMb: number
  readonly perKey: number
  readonly pauseMs: number
  readonly saveMs: number
}

/**
 * Window state of one threshold rule: keys are seen up to eight times, and then all are forgotten.
 * Memory is told with the heap's unused room given back, which would be there without the keys too. Pauses are processor time of one slice with its `advance`, so that what others run
 * on the machine does not count.
 */
export const state: Benchmark = {
  summary: 'memory, pauses and updates of the engine with 100,000 and 1,000,000 live keys',
  async run({ rounds }) {
    const block = messageBlock()
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as (how: Readonly<Record<string, string>>) => void
    const collect = (): void => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    // Compilers and what they keep are not the state's.
    measure({ keys: 300_000, seen: 'up to 8 times' }, collect)
    const found = new Map<Load, Figures[]>(LOADS.map((load) => [load, []]))
    const yardstick: number[] = []
    for (let round = 0; round < rounds; round++) {
      yardstick.push(parseRate(block))
      for (const load of LOADS) {
        found.get(load)!.push(measure(load, collect))
        process.stderr.write(`round ${round + 1} of ${rounds}: ${load.keys} keys, ${load.seen}\n`)
        // The system takes freed memory back in its own time.
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
    const parse = median(yardstick)
    const of = (load: Load, name: keyof Figures): number[] =>
      found.get(load)!.map((figures) => figures[name])
    // Later rounds may find memory that the one before gave back: the greatest counts.
    const rssMb = Math.max(...of(MOST, 'rssMb'))
    const pauseMs = median(of(MOST, 'pauseMs'))
    return {
      table: LOADS.map((load) => ({
        keys: `${load.keys.toLocaleString('en')}, ${load.seen}`,
        'updates per CPU-s': spread(of(load, 'updates'), rate),
        'x JSON.parse': (median(of(load, 'updates')) / parse).toFixed(2),
        'RSS growth, MB': spread(of(load, 'rssMb'), (mb) => mb.toFixed(0)),
        'bytes per key': spread(of(load, 'perKey'), (bytes) => bytes.toFixed(0)),
        'longest pause, CPU-ms': spread(of(load, 'pauseMs'), (ms) => ms.toFixed(0)),
        'saving 128 buckets, CPU-ms': spread(of(load, 'saveMs'), (ms) => ms.toFixed(0)),
      })),
      figure: `${rssMb.toFixed(0)} MB and ${pauseMs.toFixed(0)} ms at most with ${MOST.keys.toLocaleString('en')} keys seen ${MOST.seen}`,
      shortfalls: [
        ...(rssMb <= RSS_MAX_MB ? [] : [`${rssMb.toFixed(0)} MB, above ${RSS_MAX_MB} MB`]),
        ...(pauseMs <= PAUSE_MAX_MS
          ? []
          : [`a pause of ${pauseMs.toFixed(0)} ms, above ${PAUSE_MAX_MS} ms`]),
      ],
    }
  },
}

function measure({ keys, seen }: Load, collect: () => void): Figures {
  collect()
  const before = process.memoryUsage()
  const run = new Run(keys)
  const order = new Uint32Array(keys)
  const random = randomOf(11)
  for (let i = 0; i < keys; i++) {
    const other = Math.floor(random() * (i + 1))
    order[i] = order[other]!
    order[other] = i
  }
  let records = 0
  for (let pass = 1; pass <= RECORDS_PER_KEY_MAX; pass++) {
    // Of every pass fewer keys are seen again: one to eight times, as often each.
    const share = seen === '8 times' ? 1 : (RECORDS_PER_KEY_MAX + 1 - pass) / RECORDS_PER_KEY_MAX
    const again = Math.floor(keys * share)
    for (let from = 0; from < again; from += SLICE_RECORDS) {
      run.slice(order.subarray(from, Math.min(from + SLICE_RECORDS, again)), 1)
    }
    records += again
  }
  const updates = records / run.cpuS
  collect()
  const after = process.memoryUsage()
  const used = (at: NodeJS.MemoryUsage): number => at.heapUsed + at.external
  const saveMs = run.save()
  run.forgetAll()
  return {
    updates,
    rssMb: (after.rss - before.rss) / 1e6,
    perKey: (used(after) - used(before)) / keys,
    pauseMs: run.pauseMs,
    saveMs,
  }
}

/** One engine with one rule, and what its slices cost. */
class Run {
  cpuS = 0
  pauseMs = 0
  readonly #engine: Engine
  readonly #partitions: PartitionTracker
  readonly #ruleset: ReturnType<typeof rulesetFor>
  readonly #rows = new MatchBuilder()
  #position = 0
  #no = 0
  #timeMs = START_MS

  constructor(keys: number) {
    const timing = { reorderMs: 5_000, idleAfterMs: 60_000 }
    this.#ruleset = rulesetFor(keys)
    this.#partitions = new PartitionTracker([], () => timing)
    this.#engine = createEngine({
      ruleset: this.#ruleset,
      reorderOf: () => timing.reorderMs,
    })
  }

  slice(keys: Uint32Array, stepMs: number): void {
    this.#timeMs += stepMs
    const timeMs = this.#timeMs
    for (const [ordinal, key] of keys.entries()) {
      const hash = [Math.imul(this.#position + ordinal, 0x9e3779b1) >>> 0, ordinal] as const
      const group = groupKey([`host-${key}`])
      this.#rows.add({ rule: 0, ordinal, timeMs, maxTimeMs: timeMs, hash, group })
    }
    // Where nothing matched, other traffic passed by.
    const count = Math.max(1, keys.length)
    const slab = {
      partition: PARTITION,
      thread: 0,
      seq: this.#no,
      ruleset: this.#ruleset.hash,
      count,
      receivedMs: timeMs,
      maxTimeMs: timeMs,
      ...this.#rows.finish(),
    }
    const from = this.#position
    const to = from + count
    const context = { nowMs: timeMs, partitions: this.#partitions, no: ++this.#no }
    const { cpuS } = costOf(() => {
      this.#engine.apply({ partition: PARTITION, from, matches: [slab] }, context)
      const seen = { maxTimeMs: timeMs, receivedMs: timeMs, to, nowMs: timeMs }
      this.#partitions.observe(PARTITION, seen)
      this.#engine.advance(context)
      this.#engine.take()
    })
    this.#position = to
    this.cpuS += cpuS
    this.pauseMs = Math.max(this.pauseMs, cpuS * 1_000)
  }

  /** CPU-ms of half the buckets. */
  save(): number {
    const half = this.#engine.dirty().slice(0, 128)
    return costOf(() => half.forEach((name) => this.#engine.save(name))).cpuS * 1_000
  }

  /** An input was silent for hours and speaks again: everything is due at once. */
  forgetAll(): void {
    this.#timeMs += 3 * 3_600_000
    while (this.#engine.nextDueMs() < Infinity) this.slice(new Uint32Array(), 1)
  }
}

function rulesetFor(keys: number) {
  const text = `rule: state
title: Counts per key
group_by: [key]
limits: { groups: ${keys} }
threshold: { at_least: 50, within: 1h }
where: '*'
`
  return compileRuleset({ documents: [{ file: 'state.yaml', text }], inputs: {}, fields: {} })
    .ruleset
}
