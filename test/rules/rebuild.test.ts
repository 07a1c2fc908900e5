import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hash64 } from '../../src/lib/hash64.ts'
import type { LogBody } from '../../src/model/commit.ts'
import { groupKey } from '../../src/model/group.ts'
import { MatchBuilder } from '../../src/model/match-builder.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Slice } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import { editedRules, reachOf, Rebuild } from '../../src/rules/rebuild.ts'
import type { Rebuilt } from '../../src/rules/rebuild.ts'
import type { Rule } from '../../src/rules/rule.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const S = 1_000
const REORDER_MS = 2 * S
const timing = (): { reorderMs: number; idleAfterMs: number } => ({
  reorderMs: REORDER_MS,
  idleAfterMs: 60 * S,
})

interface Sent {
  readonly afterMs: number
  readonly lateMs: number
  readonly host: string
  readonly kind: 'a' | 'b'
  readonly partition: string
}

type Step =
  | { readonly receivedMs: number; readonly slice: Slice }
  | (LogBody & { readonly kind: 'clock' })

const streams = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 4 * S }),
    lateMs: fc.integer({ min: 0, max: 12 * S }),
    host: fc.constantFrom('h1', 'h2', 'h3'),
    kind: fc.constantFrom('a' as const, 'b' as const),
    partition: fc.constantFrom('web@1', 'app@1'),
  }),
  { minLength: 1, maxLength: 120 },
)

/** What the edited rule says: which events, counted by what, over how long. */
const edits = fc.record({
  where: fc.constantFrom('a', 'any'),
  groupBy: fc.constantFrom('host', 'kind'),
  withinMs: fc.integer({ min: 2, max: 20 }).map((s) => s * S),
  atLeast: fc.integer({ min: 1, max: 5 }),
  lateByMs: fc.constantFrom(0, 5 * S),
})

type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never

function ruleFor({ withinMs, atLeast, lateByMs, groupBy, where }: Edit): Rule {
  const stateHash = JSON.stringify([withinMs, groupBy, where])
  const over = { groupBy: [groupBy], lateByMs, stateHash, revision: `${stateHash} ${atLeast}` }
  const rule = ruleOf({ kind: 'threshold', withinMs, atLeast }, over)
  return { ...rule, quietMs: Math.max(withinMs, lateByMs + REORDER_MS) }
}

/** The stream as the core slices it, one record after another, matched by the edited rule. */
function stepsOf(stream: readonly Sent[], edit: Edit, hash: string): Step[] {
  const next = new Map<string, number>()
  let receivedMs = 1_000_000
  return stream.map((sent) => {
    receivedMs += sent.afterMs
    const { partition } = sent
    const from = next.get(partition) ?? 0
    next.set(partition, from + 1)
    const timeMs = receivedMs - sent.lateMs
    const rows = new MatchBuilder()
    if (edit.where === 'any' || sent.kind === edit.where) {
      const text = new TextEncoder().encode(`${partition} ${from}`)
      const group = groupKey([edit.groupBy === 'host' ? sent.host : sent.kind])
      rows.add({ rule: 0, ordinal: 0, timeMs, maxTimeMs: timeMs, hash: hash64(text), group })
    }
    const slab = { partition, thread: 0, seq: 0, ruleset: hash, count: 1, receivedMs }
    const matches = [{ ...slab, maxTimeMs: timeMs, ...rows.finish() }]
    return { receivedMs, slice: { partition, from, matches } }
  })
}

/** Both partitions are known from the start, as a clock entry says. */
const OPENING: Step = {
  kind: 'clock',
  nowMs: 1_000_000,
  partitions: ['web@1', 'app@1'].map((id) => ({ id, link: 'up', progress: 'caught_up' })),
}

function fromTheBeginning(rule: Rule, steps: readonly Step[]) {
  const ruleset = rulesetOf(rule)
  const partitions = new PartitionTracker([], timing)
  const engine = createEngine({ ruleset, reorderOf: () => REORDER_MS })
  const open = new Map<string, unknown>()
  let nowMs = 0
  for (const [no, step] of steps.entries()) {
    const context = { partitions, no, nowMs: 'kind' in step ? step.nowMs : step.receivedMs }
    nowMs = context.nowMs
    if ('kind' in step) partitions.applyClock(step)
    else {
      const { partition, from, matches } = step.slice
      engine.apply(step.slice, context)
      const { maxTimeMs, receivedMs } = matches[0]!
      partitions.observe(partition, { maxTimeMs, receivedMs, to: from + 1, nowMs })
    }
    engine.advance(context)
    for (const { change, episode } of engine.take().episodes) {
      if (change === 'settled' || change === 'merged') open.delete(episode.id)
      else open.set(episode.id, episode)
    }
  }
  return { engine, partitions, nowMs, open }
}

function rebuildOf(rule: Rule, steps: readonly Step[]) {
  const rebuild = new Rebuild({ ruleset: rulesetOf(rule), timing })
  for (const step of steps) {
    if ('kind' in step) rebuild.clock(step)
    else rebuild.records(step.slice, step.receivedMs)
  }
  return rebuild
}

const ALL = Array.from({ length: 257 }, (_, bucket) => bucket)

function savedOf(rule: Rule, engine: ReturnType<typeof createEngine>): [number, Uint8Array][] {
  const { id: ruleId, stateHash } = rule
  return ALL.map((bucket): [number, Uint8Array] => [
    bucket,
    engine.save({ ruleId, stateHash, bucket }),
  ]).filter(([, blob]) => blob.length > 0)
}

describe('the state of an edited rule', () => {
  it('is, when rebuilt, that of an engine that had the rule from the beginning', () => {
    fc.assert(
      fc.property(streams, edits, (stream, edit) => {
        const rule = ruleFor(edit)
        const steps = [OPENING, ...stepsOf(stream, edit, rulesetOf(rule).hash)]
        const { engine, partitions, nowMs, open } = fromTheBeginning(rule, steps)
        const rebuilt = rebuildOf(rule, steps).finish(partitions, nowMs)
        expect(rebuilt.buckets.map(({ bucket, blob }) => [bucket, blob])).toEqual(
          savedOf(rule, engine),
        )
        expect(rebuilt.episodes.map(({ episode }) => episode.id).sort()).toEqual(
          [...open.keys()].sort(),
        )
        expect(rebuilt.episodes.map(({ episode }) => episode)).toEqual(
          expect.arrayContaining([...open.values()]),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('depends on no record that was received before the rule reaches back', () => {
    fc.assert(
      fc.property(streams, edits, (stream, edit) => {
        const rule = ruleFor({ ...edit, atLeast: 1 })
        const steps = stepsOf(stream, edit, rulesetOf(rule).hash)
        const { engine, partitions, nowMs } = fromTheBeginning(rule, [OPENING, ...steps])
        const { ms } = partitions.watermark([], 'event', nowMs)
        fc.pre(Number.isFinite(ms))
        const sinceMs = ms - reachOf(rule, REORDER_MS)
        const kept = steps.filter((step) => 'kind' in step || step.receivedMs >= sinceMs)
        const rebuilt = rebuildOf(rule, [OPENING, ...kept]).finish(partitions, nowMs)
        const held = createEngine({ ruleset: rulesetOf(rule), reorderOf: () => REORDER_MS })
        for (const bucket of rebuilt.buckets) held.load({ ...bucket, no: 0 })
        // Where nothing was left out all bytes are equal; else an episode may begin later.
        if (kept.length === steps.length) {
          expect(rebuilt.buckets.map(({ blob }) => blob)).toEqual(
            savedOf(rule, engine).map(([, blob]) => blob),
          )
        }
        // What was refused long ago is no state of the windows; it waits to be read back elsewhere.
        expect(held.stats()[0]!.groups).toBe(engine.stats()[0]!.groups)
        expect(rebuilt.episodes.length).toBe(engine.stats()[0]!.openEpisodes)
      }),
      { numRuns: 200 },
    )
  })
})

/** All of it in the engine that runs so far, for entry 1,000. */
function takenIn(engine: ReturnType<typeof createEngine>, rule: Rule, rebuilt: Rebuilt) {
  const taken = engine.takeIn([rule], rebuilt, 1_000)
  for (const bucket of rebuilt.buckets) taken.fill(bucket)
  return taken
}

describe('an activation with rebuilt rules', () => {
  const three = ruleFor({
    where: 'any',
    groupBy: 'host',
    withinMs: 20 * S,
    atLeast: 3,
    lateByMs: 0,
  })
  const twoOfA = ruleFor({ where: 'a', groupBy: 'host', withinMs: 20 * S, atLeast: 2, lateByMs: 0 })
  const stream: Sent[] = ['a', 'b', 'a'].map((kind) => ({
    afterMs: S,
    lateMs: 0,
    host: 'h1',
    kind: kind as 'a' | 'b',
    partition: 'web@1',
  }))

  function edit(before: Rule, after: Rule, sent: readonly Sent[], bucketByBucket = false) {
    const under = (rule: Rule) =>
      stepsOf(
        sent,
        { where: rule === twoOfA ? 'a' : 'any', groupBy: 'host' } as Edit,
        rulesetOf(rule).hash,
      )
    const { engine, partitions, nowMs, open } = fromTheBeginning(before, under(before))
    const rebuilt = rebuildOf(after, under(after)).finish(partitions, nowMs)
    const taken = takenIn(engine, after, rebuilt)
    const ended = bucketByBucket ? [...engine.ending(rulesetOf(after), taken, 1_000)] : []
    const next = createEngine({
      ruleset: rulesetOf(after),
      reorderOf: () => REORDER_MS,
      previous: engine,
      no: 1_000,
      rebuilt: taken,
    })
    next.advance({ partitions, nowMs, no: 1_000 })
    return { effects: next.take(), next, open, ended, partitions }
  }

  it('tells an episode that goes on once, as opened by the edit, and never as settled', () => {
    const { effects, next, open } = edit(three, twoOfA, stream)
    expect(open.size).toBe(1)
    expect(effects.episodes).toMatchObject([{ change: 'opened', cause: 'edit' }])
    expect(next.editDifference()).toEqual({ gained: 0, lost: 0, moved: 0, same: 1 })
    expect(next.take().episodes).toEqual([])
  })

  it('tells the same when the former text was ended bucket by bucket before', () => {
    const sent = [...stream, ...stream, { ...stream[1]!, host: 'h2' }]
    const atOnce = edit(three, twoOfA, sent)
    const before = edit(three, twoOfA, sent, true)
    expect(before.ended).toEqual([1, 1])
    expect(before.effects).toEqual(atOnce.effects)
    expect(savedOf(twoOfA, before.next)).toEqual(savedOf(twoOfA, atOnce.next))
  })

  it('has what it refuses read back, as any other rule', () => {
    const fresh = { ...stream[0]!, afterMs: 30 * S }
    const sent = [
      ...stream,
      fresh,
      { ...stream[0]!, lateMs: 40 * S },
      { ...fresh, afterMs: 90 * S },
    ]
    const { next, partitions } = edit(three, twoOfA, stream)
    const where = { where: 'a', groupBy: 'host' } as Edit
    const later = stepsOf(sent, where, rulesetOf(twoOfA).hash).slice(stream.length)
    for (const [i, step] of later.entries()) {
      if ('kind' in step) continue
      const { slice, receivedMs: nowMs } = step
      const context = { partitions, nowMs, no: 1_001 + i }
      next.apply(slice, context)
      const { maxTimeMs } = slice.matches[0]!
      const to = slice.from + 1
      partitions.observe(slice.partition, { maxTimeMs, receivedMs: nowMs, to, nowMs })
      next.advance(context)
    }
    expect(next.take().recomputes).toMatchObject([{ ruleId: 'rule-1' }])
  })

  it('settles what the new text does not have', () => {
    const { effects, next } = edit(three, twoOfA, [{ ...stream[1]! }, stream[1]!, stream[1]!])
    expect(effects.episodes).toMatchObject([{ change: 'settled', cause: 'edit' }])
    expect(next.editDifference()).toEqual({ gained: 0, lost: 1, moved: 0, same: 0 })
  })

  it('writes the rebuilt buckets into the next checkpoint', () => {
    const { next } = edit(three, twoOfA, stream)
    expect(next.dirty()).toMatchObject([{ ruleId: 'rule-1', stateHash: twoOfA.stateHash }])
  })

  it('counts every match once, whatever the windows hold twice', () => {
    const { effects } = edit(three, twoOfA, stream)
    const sum = effects.ledger.reduce((total, { count }) => total + count, 0)
    // Three ended with the old text; two of them are held again and will be counted then.
    expect(sum).toBe(1)
  })

  it('holds what was refused under a shorter late_by, though the state hash is the same', () => {
    fc.assert(
      fc.property(streams, edits, (stream, with_) => {
        const [before, after] = [0, 5 * S].map((lateByMs) => ruleFor({ ...with_, lateByMs }))
        const steps = [OPENING, ...stepsOf(stream, with_, rulesetOf(after!).hash)]
        const { engine, partitions, nowMs } = fromTheBeginning(before!, steps)
        const stored = savedOf(before!, engine).map(([bucket]) => bucket)
        const rebuilt = rebuildOf(after!, steps).finish(partitions, nowMs)
        const next = createEngine({
          ruleset: rulesetOf(after!),
          reorderOf: () => REORDER_MS,
          previous: engine,
          no: 1_000,
          rebuilt: takenIn(engine, after!, rebuilt),
        })
        next.advance({ partitions, nowMs, no: 1_000 })
        next.take()
        // Also what the former life has stored and the new one has not: it must be overwritten.
        const dirty = next.dirty().map(({ bucket }) => bucket)
        expect(dirty).toEqual(expect.arrayContaining(stored))
        const want = fromTheBeginning(after!, steps)
        expect(savedOf(after!, next)).toEqual(savedOf(after!, want.engine))
        expect(next.stats()[0]!.openEpisodes).toBe(want.open.size)
      }),
      { numRuns: 200 },
    )
  })

  describe('is asked for', () => {
    const inForce = (rule: Rule, reorderMs = REORDER_MS) => ({
      ruleset: rulesetOf(rule),
      inputs: ['web', 'app'],
      timing: (input: string) => ({ ...timing(), reorderMs: input === 'web' ? reorderMs : 0 }),
    })
    const asked = (
      former: ReturnType<typeof inForce>,
      next: ReturnType<typeof inForce>,
      isTrimmed = false,
    ) => editedRules(former, next, () => isTrimmed).map(({ id }) => id)
    const escalating = (atLeast: number): Rule => ({
      ...three,
      escalate: [{ atLeast, severity: 'critical' }],
    })

    it('where the state hash of a rule that stays has changed', () => {
      const other = { ...twoOfA, id: 'rule-2' }
      const next = { ...inForce(twoOfA), ruleset: rulesetOf(twoOfA, other) }
      expect(asked(inForce(three), next)).toEqual(['rule-1'])
      expect(asked(inForce(three), inForce({ ...three, title: 'new' }))).toEqual([])
    })

    it('where late_by or the reorder of an input that it reads was raised, not lowered', () => {
      const late = { ...three, lateByMs: 1 }
      expect(asked(inForce(three), inForce(late))).toEqual(['rule-1'])
      expect(asked(inForce(late), inForce(three))).toEqual([])
      expect(asked(inForce(three), inForce(three, REORDER_MS + 1))).toEqual(['rule-1'])
      expect(asked(inForce(three), inForce(three, REORDER_MS - 1))).toEqual([])
      const app = { ...three, inputs: ['app'] }
      expect(asked(inForce(app), inForce(app, REORDER_MS + 1))).toEqual([])
    })

    it('not where an input is new: nothing of it was refused', () => {
      const former = { ...inForce(three), inputs: ['app'] }
      expect(asked(former, inForce(three, 60 * S))).toEqual([])
    })

    it('where more matches decide than some group has kept', () => {
      expect(asked(inForce(three), inForce(escalating(5_000)), true)).toEqual(['rule-1'])
      expect(asked(inForce(three), inForce({ ...three, detector: four }), true)).toEqual(['rule-1'])
      expect(asked(inForce(three), inForce(escalating(5_000)), false)).toEqual([])
      expect(asked(inForce(escalating(5_000)), inForce(escalating(9)), true)).toEqual([])
    })

    const four = { kind: 'threshold', atLeast: 4, withinMs: 20 * S } as const
  })
})
