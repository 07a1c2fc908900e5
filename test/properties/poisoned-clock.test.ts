/**
 * One device with a fast clock and one with a slow one among fifty: the others fire exactly as
 * without them, at the same moments (design §4.2).
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compileRuleset } from '../../src/config/ruleset.ts'
import { hash64 } from '../../src/lib/hash64.ts'
import type { CommitEntry, Effects } from '../../src/model/commit.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import { formatProblem } from '../../src/model/problem.ts'
import { parseRecordRef } from '../../src/model/slab.ts'
import { correlate, MatchStep, passTime } from '../../src/pipeline.ts'
import { createEngine } from '../../src/rules/engine.ts'
import { EventStream } from '../../src/rules/event-stream.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { FiringSink } from '../../src/rules/windows/rule-windows.ts'
import { SlabReceiver } from '../support/slab-receiver.ts'

const S = 1_000
const MINUTE = 60 * S
const START_MS = Date.UTC(2026, 2, 4, 10)
const RUNS = 40
const HOSTS = 50
/** The last two. */
const [FAST, SLOW] = [48, 49]
const INPUTS = ['web', 'syslog']
const LATE_BY_MS = 2 * MINUTE

const { ruleset, problems } = compileRuleset({
  documents: [
    {
      file: 'poisoned.yaml',
      text: `
rule: per-host
where: "message:error"
group_by: [source]
threshold: { at_least: 3, within: 1m }
escalate: [{ at_least: 5, severity: critical }]
clear: { quiet_for: 45s }
---
rule: the-others
where: "message:error AND NOT source:(host-48 OR host-49)"
threshold: { above: 7, within: 30s }
clear: { quiet_for: 30s }
---
rule: each
from: [web]
where: "message:error"
group_by: [source]
match: {}
---
rule: by-receipt
where: "message:error"
group_by: [source]
clock: received
threshold: { at_least: 2, within: 20s }
`,
    },
  ],
  inputs: Object.fromEntries(INPUTS.map((input) => [input, { ...DEFAULT_TIMING, labels: {} }])),
  fields: {},
})

interface Sent {
  readonly host: number
  /** When it truly happened, and when it reaches us. */
  readonly trueMs: number
  readonly arrivalMs: number
  readonly text: 'error' | 'ok'
  /** Its name: bytes are the same in every run. */
  readonly n: number
}

/** Skew of a host's clock, ms. */
type Skews = ReadonlyMap<number, number>

const FIXED: Skews = new Map([
  [FAST, 4 * MINUTE + 50 * S],
  [SLOW, -24 * 60 * MINUTE],
])

/** A stream in order of arrival, each event delayed, but by no more than still counts. */
const streamArb = fc
  .record({
    /** Everything that arrives within so long is one slab. */
    slabMs: fc.constantFrom(1, S, 7 * S),
    events: fc.array(
      fc.record({
        gapMs: fc.oneof(fc.nat({ max: 6 * S }), fc.nat({ max: 100 })),
        delayMs: fc.oneof(
          { weight: 3, arbitrary: fc.nat({ max: 4 * S }) },
          { weight: 1, arbitrary: fc.nat({ max: LATE_BY_MS - 2 * S }) },
        ),
        host: fc.oneof(
          { weight: 6, arbitrary: fc.nat({ max: 5 }) },
          { weight: 2, arbitrary: fc.nat({ max: HOSTS - 3 }) },
          { weight: 3, arbitrary: fc.constantFrom(FAST, SLOW) },
        ),
        text: fc.constantFrom('error' as const, 'error' as const, 'ok' as const),
      }),
      { minLength: 20, maxLength: 200, size: 'max' },
    ),
  })
  .map(({ slabMs, events }) => {
    let trueMs = START_MS
    const sent = events.map(({ gapMs, delayMs, host, text }, n): Sent => {
      trueMs += gapMs
      const arrivalMs = Math.ceil((trueMs + delayMs) / slabMs) * slabMs
      return { host, trueMs, arrivalMs, text, n }
    })
    return sent.sort((a, b) => a.arrivalMs - b.arrivalMs)
  })

/** What came of a stream, records by their own names instead of their positions. */
interface Answer {
  /** `opened`, `escalated` and `merged` with the moment they were told. */
  readonly told: readonly object[]
  readonly settled: readonly object[]
  /** Per rule and event: the final value. */
  readonly firings: Readonly<Record<string, number>>
  /** Of the rule `the-others`. */
  readonly ledger: Readonly<Record<string, number>>
}

class Answers {
  readonly names = new Map<string, number>()
  readonly #told: object[] = []
  readonly #settled: object[] = []
  readonly #firings: Record<string, number> = {}
  readonly #ledger: Record<string, number> = {}

  readonly onFiring: FiringSink = ({ rule, group, ref, value }) => {
    if (!isPoisoned(group)) this.#firings[`${rule.id} ${this.#name(ref)}`] = value
  }

  take({ episodes, ledger }: Effects, nowMs: number): void {
    for (const { change, episode } of episodes) {
      if (isPoisoned(episode.groupKey)) continue
      const { ruleId, groupKey, startMs, endMs, value, peak, severity } = episode
      const at = { ruleId, groupKey, startMs, endMs }
      if (change === 'settled') {
        const { matches, firings, firstRef, lastRef } = episode
        const [first, last] = [this.#name(firstRef), this.#name(lastRef)]
        this.#settled.push({ ...at, value, peak, severity, matches, firings, first, last })
      } else if (change === 'opened' || change === 'escalated' || change === 'merged') {
        this.#told.push({ nowMs, change, ...at, value, peak, severity })
      }
    }
    for (const { ruleId, hourMs, class: kind, reason, count } of ledger) {
      if (ruleId !== 'the-others') continue
      const key = `${hourMs} ${kind} ${reason}`
      this.#ledger[key] = (this.#ledger[key] ?? 0) + count
    }
  }

  /** Settling has no moment that two runs must share: its order is none. */
  answer(): Answer {
    const settled = this.#settled
      .map((one) => [JSON.stringify(one), one] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, one]) => one)
    return { told: this.#told, settled, firings: this.#firings, ledger: this.#ledger }
  }

  #name(ref: string): number {
    const { partition, position } = parseRecordRef(ref)!
    return this.names.get(`${partition} ${position}`)!
  }
}

function isPoisoned(group: string): boolean {
  return group.includes(`host-${FAST}`) || group.includes(`host-${SLOW}`)
}

function inputOf(host: number): string {
  return INPUTS[host % 2]!
}

function timeOf(sent: Sent, skews: Skews): number {
  return sent.trueMs + (skews.get(sent.host) ?? 0)
}

/** They keep nothing from one stream to the next. */
const RECEIVERS = new Map(
  INPUTS.map((input) => {
    const step = new MatchStep(createIndexedMatcher(ruleset, input, {}), ruleset.hash)
    return [input, new SlabReceiver({ partition: `${input}@1`, step })]
  }),
)

/** GELF bytes through scan, match and correlate, with a look at the clock every second. */
function runGelf(stream: readonly Sent[], skews: Skews): Answer {
  const answers = new Answers()
  const partitions = new PartitionTracker([], () => DEFAULT_TIMING)
  const { onFiring } = answers
  const reorderOf = (): number => DEFAULT_TIMING.reorderMs
  const engine = createEngine({ ruleset, reorderOf, onFiring })
  let nowMs = START_MS
  let no = 0
  const take = ({ effects }: CommitEntry): void => answers.take(effects, nowMs)

  function slab(input: string, messages: readonly (readonly [text: string, n: number])[]): void {
    const partition = `${input}@1`
    const from = partitions.state(partition)?.next ?? 0
    for (const [ordinal, [, n]] of messages.entries()) {
      answers.names.set(`${partition} ${from + ordinal}`, n)
    }
    const texts = messages.map(([text]) => text)
    const { matches } = RECEIVERS.get(input)!.receive(nowMs, texts)
    const slice = { partition, from, matches: [matches] }
    take(correlate(engine, partitions, slice, { nowMs, ruleset: ruleset.hash, no: ++no }))
  }

  function tick(): void {
    const body = partitions.due(
      nowMs,
      () => true,
      () => 'up',
    )
    const hasIdle = partitions.states().some(({ progress }) => progress === 'idle')
    if (body === undefined && (!hasIdle || engine.isQuiet())) return
    take(passTime(engine, partitions, body ?? { kind: 'clock', nowMs, partitions: [] }, ++no))
  }

  for (const input of INPUTS) partitions.open(`${input}@1`, input, 1, nowMs)
  tick()
  for (let i = 0; i < stream.length;) {
    const { arrivalMs } = stream[i]!
    for (; nowMs + S < arrivalMs; nowMs += S) tick()
    nowMs = arrivalMs
    const arrived = []
    while (i < stream.length && stream[i]!.arrivalMs === arrivalMs) arrived.push(stream[i++]!)
    for (const input of INPUTS) {
      const messages = arrived
        .filter(({ host }) => inputOf(host) === input)
        .map((sent) => [gelf(sent, skews), sent.n] as const)
      if (messages.length > 0) slab(input, messages)
    }
  }
  while (engine.nextDueMs() < Infinity) {
    nowMs = Math.max(nowMs, engine.nextDueMs() + DEFAULT_TIMING.reorderMs + 1)
    const text = JSON.stringify({ host: 'end', short_message: 'ok', timestamp: nowMs / S })
    for (const input of INPUTS) slab(input, [[text, -1]])
  }
  return answers.answer()
}

function gelf(sent: Sent, skews: Skews): string {
  const timestamp = timeOf(sent, skews) / S
  return JSON.stringify({
    version: '1.1',
    host: `host-${sent.host}`,
    short_message: sent.text,
    timestamp,
    _n: sent.n,
  })
}

/** Plain events through the stream of files and rule tests, each with its receipt. */
function runPlain(stream: readonly Sent[], skews: Skews): Answer {
  const answers = new Answers()
  const { onFiring } = answers
  const matcherFor = (running: typeof ruleset) => createIndexedMatcher(running, undefined, {})
  const { reorderMs } = DEFAULT_TIMING
  const run = new EventStream({ ruleset, matcherFor, reorderMs, onFiring })
  let nowMs = START_MS
  const take = (effects: Effects | undefined): void => {
    if (effects !== undefined) answers.take(effects, nowMs)
  }
  for (const [position, sent] of stream.entries()) {
    nowMs = sent.arrivalMs
    answers.names.set(`stream@1 ${position}`, sent.n)
    const fields = new Map([
      ['source', `host-${sent.host}`],
      ['message', sent.text],
    ])
    const hash = hash64(Buffer.from(String(sent.n)))
    const timeMs = timeOf(sent, skews)
    take(run.arrive(new PlainEvent({ fields, timeMs, receivedMs: nowMs, hash }), nowMs))
  }
  nowMs = Infinity
  for (let effects = run.passToDue(); effects !== undefined; effects = run.passToDue()) {
    take(effects)
  }
  take(run.end())
  return answers.answer()
}

function withoutThem(stream: readonly Sent[]): readonly Sent[] {
  return stream.filter(({ host }) => host !== FAST && host !== SLOW)
}

it('has rules without an error', () => {
  const errors = problems.filter(({ severity }) => severity === 'error')
  expect(errors.map(formatProblem)).toEqual([])
})

describe('48 hosts beside one that is 4 min 50 s fast and one that is a day slow', () => {
  it('fire as without them, received by GELF', () => {
    fc.assert(
      fc.property(streamArb, (stream) => {
        expect(runGelf(stream, FIXED)).toEqual(runGelf(withoutThem(stream), FIXED))
      }),
      { numRuns: RUNS },
    )
  })

  it('fire as without them, as plain events', () => {
    fc.assert(
      fc.property(streamArb, (stream) => {
        expect(runPlain(stream, FIXED)).toEqual(runPlain(withoutThem(stream), FIXED))
      }),
      { numRuns: RUNS },
    )
  })

  it('fire as without them, however wrong the two clocks are', () => {
    const day = 24 * 60 * MINUTE
    const skewArb = fc.oneof(
      fc.integer({ min: -2 * day, max: 2 * day }),
      fc.integer({ min: -6 * MINUTE, max: 6 * MINUTE }),
    )
    fc.assert(
      fc.property(streamArb, skewArb, skewArb, (stream, fast, slow) => {
        const skews = new Map([
          [FAST, fast],
          [SLOW, slow],
        ])
        expect(runGelf(stream, skews)).toEqual(runGelf(withoutThem(stream), skews))
      }),
      { numRuns: RUNS },
    )
  })

  it('do fire: a stream of all fifty opens episodes of every rule', () => {
    const stream = Array.from({ length: 2_000 }, (_, n): Sent => {
      const trueMs = START_MS + n * 200
      return { host: (n * 7) % HOSTS, trueMs, arrivalMs: trueMs + (n % 3) * S, text: 'error', n }
    }).sort((a, b) => a.arrivalMs - b.arrivalMs)
    for (const { told, settled, firings, ledger } of [
      runGelf(stream, FIXED),
      runPlain(stream, FIXED),
    ]) {
      const rules = new Set(told.map((one) => (one as { ruleId: string }).ruleId))
      expect(rules).toEqual(new Set(ruleset.rules.map(({ id }) => id)))
      expect(settled.length).toBeGreaterThan(48)
      expect(Object.keys(firings).length).toBeGreaterThan(1_000)
      expect(Object.keys(ledger).some((key) => key.includes('late'))).toBe(false)
    }
  })
})
