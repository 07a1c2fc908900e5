import { describe, expect, it } from 'vitest'
import { MatchBuilder } from '../../src/model/match-builder.ts'
import type { Matches } from '../../src/model/matches.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Engine } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import { RULE_BUCKET } from '../../src/rules/windows/group-hash.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'
import { MatchRowsOf } from './match-rows.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const S = 1_000
const REORDER_MS = 5 * S
const timing = () => ({ reorderMs: REORDER_MS, idleAfterMs: 60 * S })

/** It forgets after 60 + 90 + 30 s. */
const web = ruleOf(
  { kind: 'threshold', atLeast: 3, withinMs: 60 * S },
  { id: 'web', inputs: ['web'], lateByMs: 30 * S, quietMs: 90 * S },
)
const every = ruleOf({ kind: 'match' }, { id: 'every', lateByMs: 10 * S, quietMs: 20 * S })
const mail = ruleOf({ kind: 'match' }, { id: 'mail', inputs: ['mail'] })

/** An engine with what a core keeps around it. */
class Run {
  engine: Engine
  readonly partitions = new PartitionTracker([], timing)
  #ruleset: CompiledRuleset
  #no = 0
  readonly #next = new Map<string, number>()

  constructor(ruleset: CompiledRuleset, watermarks = {}) {
    this.#ruleset = ruleset
    this.engine = createEngine({ ruleset, reorderOf: () => REORDER_MS, watermarks })
  }

  hole(partition: string, count: number, nowMs: number): void {
    const receivedMs = -Infinity
    const slab = { partition, thread: -1, seq: 0, ruleset: this.#ruleset.hash, count, receivedMs }
    const nothing = new MatchBuilder().finish()
    this.#apply({ ...slab, maxTimeMs: receivedMs, ...nothing, isHole: true }, nowMs)
  }

  /** Other traffic of that time. */
  pass(partition: string, nowMs: number): void {
    const rows = new MatchRowsOf(this.#ruleset, partition, this.#next.get(partition) ?? 0)
    this.#apply(rows.slab([{ timeMs: nowMs }], nowMs), nowMs)
  }

  reload(ruleset: CompiledRuleset, warming: { ruleId: string; untilMs: number }[] = []): void {
    this.#ruleset = ruleset
    this.engine = createEngine({
      ruleset,
      reorderOf: () => REORDER_MS,
      previous: this.engine,
      no: ++this.#no,
      warming,
    })
  }

  get warming(): Record<string, number> {
    return Object.fromEntries(
      this.engine
        .stats()
        .flatMap(({ ruleId, warmingUntilMs }) =>
          warmingUntilMs === undefined ? [] : [[ruleId, warmingUntilMs / S]],
        ),
    )
  }

  #apply(slab: Matches, nowMs: number): void {
    const { partition, count, maxTimeMs, receivedMs } = slab
    const from = this.#next.get(partition) ?? 0
    const context = { nowMs, partitions: this.partitions, no: ++this.#no }
    this.engine.apply({ partition, from, matches: [slab] }, context)
    const to = from + count
    this.partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs })
    this.#next.set(partition, to)
    this.engine.advance(context)
    this.engine.take()
  }
}

describe('after a hole in the journal', () => {
  it('the rules that read the input are warming until window, quiet period and late_by are over', () => {
    const run = new Run(rulesetOf(web, every, mail))
    run.pass('web@1', 100 * S)
    run.pass('mail@1', 100 * S)
    expect(run.warming).toEqual({})
    run.hole('web@1', 7, 110 * S)
    expect(run.warming).toEqual({ web: 290, every: 140 })
    run.pass('web@1', 140 * S + REORDER_MS - 1)
    run.pass('mail@1', 600 * S)
    expect(run.warming).toEqual({ web: 290, every: 140 })
    run.pass('web@1', 140 * S + REORDER_MS)
    expect(run.warming).toEqual({ web: 290 })
    run.pass('web@1', 290 * S + REORDER_MS)
    expect(run.warming).toEqual({})
  })

  it('a later hole prolongs it', () => {
    const run = new Run(rulesetOf(web))
    run.hole('web@1', 7, 110 * S)
    run.hole('web@1', 1, 150 * S)
    run.hole('web@1', 1, 120 * S)
    expect(run.warming).toEqual({ web: 330 })
  })

  it('it is state of the rule: saved, loaded again and gone when it is over', () => {
    const run = new Run(rulesetOf(web, mail))
    run.hole('web@1', 7, 110 * S)
    const name = { ruleId: 'web', stateHash: web.stateHash, bucket: RULE_BUCKET }
    expect(run.engine.dirty()).toEqual([name])
    const blob = run.engine.save(name)
    expect(run.engine.dirty()).toEqual([])

    const later = new Run(rulesetOf(web, mail))
    later.engine.load({ ...name, no: 1, blob })
    expect(later.warming).toEqual({ web: 290 })
    // The entry that the state holds already adds nothing, the next one does.
    later.hole('web@1', 7, 500 * S)
    expect(later.warming).toEqual({ web: 290 })
    later.hole('web@1', 7, 120 * S)
    expect(later.warming).toEqual({ web: 300 })
    expect(later.engine.save(name).length).toBeGreaterThan(0)
    later.pass('web@1', 300 * S + REORDER_MS)
    expect([later.warming, later.engine.save(name).length]).toEqual([{}, 0])
  })

  it('it outlasts a reload that keeps the windows, with what the new text asks for', () => {
    const run = new Run(rulesetOf(web, mail))
    run.hole('web@1', 7, 110 * S)
    run.reload(rulesetOf({ ...web, quietMs: 10 * S }, mail))
    expect(run.warming).toEqual({ web: 210 })
    run.reload(rulesetOf({ ...web, quietMs: 10 * S, stateHash: 'another' }, mail))
    expect(run.warming).toEqual({})
  })

  it('a rebuild that lacked records says until when', () => {
    const run = new Run(rulesetOf(web, mail))
    run.reload(rulesetOf({ ...web, stateHash: 'another' }, mail), [
      { ruleId: 'web', untilMs: 444 * S },
      { ruleId: 'gone', untilMs: 1 },
    ])
    expect(run.warming).toEqual({ web: 444 })
  })
})
