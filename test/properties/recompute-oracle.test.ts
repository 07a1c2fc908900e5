import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { hash64 } from '../../src/lib/hash64.ts'
import { Recompute } from '../../src/rules/recompute.ts'
import type { LateEpisode } from '../../src/rules/recompute.ts'
import type { Rule } from '../../src/rules/rule.ts'
import { EngineDriver } from '../rules/engine-driver.ts'
import { ruleOf, rulesetOf } from '../rules/rule-builder.ts'

const RUNS = 200
const REORDER_MS = 5_000
const SECOND_MS = 1_000

const ruleArb = fc
  .record({
    atLeast: fc.integer({ min: 1, max: 4 }),
    withinMs: fc.integer({ min: 1, max: 12 }),
    quietMs: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 25 })),
    lateByMs: fc.integer({ min: 0, max: 15 }),
    kind: fc.constantFrom('threshold' as const, 'threshold' as const, 'match' as const),
  })
  .map(({ kind, atLeast, withinMs, quietMs, lateByMs }) =>
    ruleOf(kind === 'match' ? { kind } : { kind, atLeast, withinMs: withinMs * SECOND_MS }, {
      lateByMs: lateByMs * SECOND_MS,
      quietMs: quietMs * SECOND_MS,
      escalate: [{ atLeast: atLeast + 2, severity: 'critical' }],
    }),
  )

interface Sent {
  readonly timeMs: number
  readonly host: string
  readonly text: string
}

const recordsArb = fc
  .array(
    fc.record({
      timeMs: fc.integer({ min: 0, max: 100 }).map((s) => s * SECOND_MS),
      host: fc.constantFrom('a', 'a', 'a', 'b'),
      text: fc.constantFrom('x', 'y', 'z'),
      delayMs: fc.oneof(
        fc.constant(0),
        fc.nat({ max: 60 }).map((s) => s * SECOND_MS),
      ),
    }),
    { minLength: 1, maxLength: 60, size: 'max' },
  )
  .map((records): Sent[] =>
    records.toSorted((a, b) => a.timeMs + a.delayMs - (b.timeMs + b.delayMs)),
  )

/** A record of the one partition, with its place in the rule's order, and what became of it. */
interface Placed extends Sent {
  readonly position: number
  readonly hash: readonly [number, number]
  readonly isLate: boolean
}

/** Late: more than reorder + late_by behind the greatest time that the partition had shown. */
function placed(records: readonly Sent[], rule: Rule): Placed[] {
  let maxMs = -Infinity
  return records.map((record, position) => {
    maxMs = Math.max(maxMs, record.timeMs)
    const isLate = record.timeMs < maxMs - REORDER_MS - rule.lateByMs
    return { ...record, position, hash: hash64(new TextEncoder().encode(record.text)), isLate }
  })
}

function inOrder(a: Placed, b: Placed): number {
  return (
    a.timeMs - b.timeMs || a.hash[0] - b.hash[0] || a.hash[1] - b.hash[1] || a.position - b.position
  )
}

/** The naive answer: everything counts, and of the episodes those that hold something late. */
function expected(records: readonly Placed[], { detector, quietMs }: Rule) {
  const atLeast = detector.kind === 'match' ? 1 : detector.atLeast
  return ['a', 'b'].flatMap((host) => {
    const sorted = records.filter((record) => record.host === host).sort(inOrder)
    const windows = sorted.map((end, j) =>
      detector.kind === 'match'
        ? [end]
        : sorted.slice(0, j + 1).filter(({ timeMs }) => timeMs > end.timeMs - detector.withinMs),
    )
    const runs: number[][] = []
    for (const [j, { timeMs }] of sorted.entries()) {
      if (windows[j]!.length < atLeast) continue
      const run = runs.at(-1)
      if (run !== undefined && timeMs - sorted[run.at(-1)!]!.timeMs <= quietMs) run.push(j)
      else runs.push([j])
    }
    const counted = new Set<Placed>()
    return runs.flatMap((run) => {
      const held = new Set(run.flatMap((j) => windows[j]!))
      const matches = [...held].filter((record) => !counted.has(record))
      for (const record of matches) counted.add(record)
      const late = [...held].filter(({ isLate }) => isLate).length
      if (late === 0) return []
      return [
        {
          host,
          startMs: sorted[run[0]!]!.timeMs,
          endMs: sorted[run.at(-1)!]!.timeMs,
          matches: matches.length,
          firings: run.length,
          peak: Math.max(...run.map((j) => windows[j]!.length)),
          late,
        },
      ]
    })
  })
}

/** The room's answer: one pass after the other, until nothing is put off any more. */
function recomputed(records: readonly Placed[], rule: Rule, rowsMax?: number) {
  const found: LateEpisode[] = []
  let hosts = ['a', 'b']
  while (hosts.length > 0) {
    const pass = new Recompute(
      hosts.map(() => rule),
      rowsMax,
    )
    for (const { host, timeMs, hash, position, isLate } of records) {
      const target = hosts.indexOf(host)
      if (target < 0) continue
      const [hashHigh, hashLow] = hash
      const group = JSON.stringify([host])
      const place = { partition: 'gelf@1', position, timeMs, hashHigh, hashLow }
      pass.add({ target, group, isLate, ...place })
    }
    found.push(...pass.finish())
    hosts = hosts.filter((_, target) => pass.isPutOff(target))
  }
  return found
    .filter(({ lateMatches }) => lateMatches > 0)
    .map(({ episode, lateMatches }) => {
      const { group, startMs, endMs, matches, firings, peak, state } = episode
      expect(state).toBe('settled')
      return { host: group['host'], startMs, endMs, matches, firings, peak, late: lateMatches }
    })
    .sort((a, b) => (a.host! < b.host! ? -1 : a.host! > b.host! ? 1 : a.startMs - b.startMs))
}

function live(rule: Rule, records: readonly Sent[]): EngineDriver {
  const driver = new EngineDriver(rulesetOf(rule), { reorderMs: REORDER_MS })
  for (const record of records) driver.send([record])
  driver.settle()
  driver.passTo(driver.nowMs + 120_000)
  return driver
}

describe('late matches, read back', () => {
  it('make the episodes that infinite lateness would have made', () => {
    fc.assert(
      fc.property(ruleArb, recordsArb, fc.infiniteStream(fc.double()), (rule, records, chance) => {
        const all = placed(records, rule)
        const shuffled = all
          .map((record) => ({ record, at: chance.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ record }) => record)
        expect(recomputed(shuffled, rule)).toEqual(expected(all, rule))
      }),
      { numRuns: RUNS },
    )
  })

  it('make the same in several passes, where one has no room for all', () => {
    fc.assert(
      fc.property(ruleArb, recordsArb, (rule, records) => {
        const all = placed(records, rule)
        expect(recomputed(all, rule, records.length)).toEqual(expected(all, rule))
        const most = Math.max(...['a', 'b'].map((h) => all.filter((r) => r.host === h).length))
        expect(recomputed(all, rule, most)).toEqual(expected(all, rule))
      }),
      { numRuns: RUNS },
    )
  })

  it('either overlap an episode that was known or are told by nothing else', () => {
    fc.assert(
      fc.property(ruleArb, recordsArb, (rule, records) => {
        const all = placed(records, rule)
        const known = live(rule, records)
          .changes.filter(({ change }) => change === 'settled')
          .map(({ episode }) => episode)
        const whole = expected(
          all.map((record) => ({ ...record, isLate: true })),
          rule,
        )
        const overlaps = (a: { startMs: number; endMs: number }, host: string): boolean =>
          known.some(
            (b) => b.group['host'] === host && b.startMs <= a.endMs && b.endMs >= a.startMs,
          )
        // With infinite lateness: what was known, and what is read back without overlapping it.
        const alone = recomputed(all, rule).filter((one) => !overlaps(one, one.host!))
        const unknown = whole.filter((one) => !overlaps(one, one.host))
        // How many of them were late is what the first property is about.
        const late = 0
        expect(alone.map((one) => ({ ...one, late }))).toEqual(
          unknown.map((one) => ({ ...one, late })),
        )
      }),
      { numRuns: RUNS },
    )
  })

  it('are asked for once per group and bout, from the first to the last of them', () => {
    fc.assert(
      fc.property(ruleArb, recordsArb, (rule, records) => {
        const driver = live(rule, records)
        const late = placed(records, rule).filter(({ isLate }) => isLate)
        for (const host of ['a', 'b']) {
          const own = late.filter((record) => record.host === host)
          const asked = driver.recomputes.filter(({ group }) => group === JSON.stringify([host]))
          if (own.length === 0) {
            expect(asked).toEqual([])
            continue
          }
          const times = own.map(({ timeMs }) => timeMs)
          expect(Math.min(...asked.map(({ fromMs }) => fromMs))).toBe(Math.min(...times))
          expect(Math.max(...asked.map(({ toMs }) => toMs))).toBe(Math.max(...times))
          // Every refused record lies in one of the bouts, and no bout has another's.
          const bouts = asked.flatMap(({ refused }) => refused)
          for (const { position } of own) {
            expect(bouts.filter((b) => b.first <= position && position <= b.last)).toHaveLength(1)
          }
        }
      }),
      { numRuns: RUNS },
    )
  })
})
