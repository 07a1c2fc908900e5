import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hash64 } from '../../src/lib/hash64.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { Rule } from '../../src/rules/rule.ts'
import { EngineDriver } from '../rules/engine-driver.ts'
import type { Sent } from '../rules/match-rows.ts'
import { admitted, oracle } from '../rules/oracle.ts'
import type { OracleAnswer, OracleEvent } from '../rules/oracle.ts'
import { ruleOf, rulesetOf } from '../rules/rule-builder.ts'

const RUNS = 300

interface Record_ extends Sent {
  readonly partition: string
  readonly text: string
}

type Delayed = Record_ & { readonly delayMs: number }

const ruleArb = fc
  .record({
    atLeast: fc.integer({ min: 1, max: 5 }),
    withinMs: fc.integer({ min: 1, max: 12 }),
    quietMs: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 25 })),
    lateByMs: fc.integer({ min: 0, max: 15 }),
    kind: fc.constantFrom('threshold' as const, 'threshold' as const, 'match' as const),
  })
  .map(({ kind, atLeast, withinMs, quietMs, lateByMs }) =>
    ruleOf(kind === 'match' ? { kind } : { kind, atLeast, withinMs }, {
      lateByMs,
      quietMs,
      escalate: [{ atLeast: atLeast + 2, severity: 'critical' }],
    }),
  )

/** Few times, few groups, few texts: ties, doubles and full windows are common. */
const recordsArb = fc.array(
  fc.record({
    timeMs: fc.integer({ min: 0, max: 40 }),
    host: fc.constantFrom('a', 'a', 'a', 'b', undefined),
    text: fc.constantFrom('x', 'y', 'z'),
    partition: fc.constantFrom('in@1', 'in@1', 'other@1'),
    delayMs: fc.nat({ max: 20 }),
  }),
  { minLength: 1, maxLength: 50, size: 'max' },
)

const cutsArb = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 })

/** Cuts each run of one partition's records into slices, as the numbers say. */
function slicesOf(records: readonly Record_[], cuts: readonly number[]): Record_[][] {
  const slices: Record_[][] = []
  let cut = 0
  for (const record of records) {
    const last = slices.at(-1)
    const size = cuts[cut % cuts.length]!
    if (last !== undefined && last.length < size && last[0]!.partition === record.partition) {
      last.push(record)
    } else {
      slices.push([record])
      cut++
    }
  }
  return slices
}

/** In order of arrival, each as late as it says, but never by more than `mostMs`. */
function arrived(records: readonly Delayed[], mostMs: number): Record_[] {
  return records
    .map((record) => ({ record, arrivalMs: record.timeMs + Math.min(record.delayMs, mostMs) }))
    .sort((a, b) => a.arrivalMs - b.arrivalMs)
    .map(({ record }) => record)
}

function run(
  rule: Rule,
  records: readonly Record_[],
  cuts: readonly number[],
  reorderMs: number,
  firings = false,
) {
  const driver = new EngineDriver(rulesetOf(rule), { reorderMs, firings })
  // Both are there from the start, so neither is ever overtaken by the other.
  driver.partitions.open('in@1', 'in', 1, 0)
  driver.partitions.open('other@1', 'other', 1, 0)
  for (const slice of slicesOf(records, cuts)) {
    const middle = Math.ceil(slice.length / 2)
    const slabs = slice.length > 3 ? [slice.slice(0, middle), slice.slice(middle)] : [slice]
    driver.slice(slabs, slice[0]!.partition)
  }
  driver.partitions.retire('other@1')
  const body = driver.partitions.due(
    driver.nowMs,
    () => true,
    () => 'up',
  )
  driver.partitions.applyClock(body!)
  driver.settle('in@1')
  return driver
}

function expected(rule: Rule, records: readonly Record_[], reorderMs: number): OracleAnswer {
  const events = ['in@1', 'other@1'].flatMap((partition) => {
    const log = records
      .filter((record) => record.partition === partition)
      .map((record, position) => ({ ...record, position }))
    return admitted(log, reorderMs + rule.lateByMs)
      .filter((event) => event.host !== undefined)
      .map(({ timeMs, position, host, text }): OracleEvent => ({
        timeMs,
        position,
        partition,
        group: JSON.stringify([host]),
        hash: hash64(new TextEncoder().encode(text)),
      }))
  })
  const { detector, quietMs } = rule
  const { atLeast, withinMs } = detector.kind === 'match' ? { atLeast: 1, withinMs: 1 } : detector
  const answer = oracle(events, { atLeast, withinMs, quietMs })
  if (detector.kind === 'threshold') return answer
  // A match has no window: one per event, whatever happens at the same millisecond.
  return {
    ...answer,
    firings: answer.firings.map((firing) => ({ ...firing, value: 1 })),
    episodes: answer.episodes.map((episode) => {
      const firings = answer.firings.filter(
        ({ group, atMs }) =>
          group === episode.group && atMs >= episode.startMs && atMs <= episode.endMs,
      )
      return { ...episode, peak: 1, value: 1, firstRef: firings[0]!.ref }
    }),
  }
}

function settledOf(changes: readonly EpisodeChange[]) {
  return changes
    .filter(({ change }) => change === 'settled')
    .map(({ episode }) => {
      const { groupKey, startMs, endMs, matches, firings, peak, value, firstRef, lastRef } = episode
      return { group: groupKey, startMs, endMs, matches, firings, peak, value, firstRef, lastRef }
    })
    .sort(byGroupAndStart)
}

function byGroupAndStart(
  a: { group: string; startMs: number },
  b: { group: string; startMs: number },
): number {
  return a.group < b.group ? -1 : a.group > b.group ? 1 : a.startMs - b.startMs
}

/** Every episode opens once and ends once; in between only what its state allows. */
function checkLives(changes: readonly EpisodeChange[]): void {
  const states = new Map<string, string>()
  for (const { change, episode, into } of changes) {
    const before = states.get(episode.id)
    const after = change === 'merged' ? 'merged' : episode.state
    expect(change).not.toBe('retracted')
    switch (change) {
      case 'opened':
        expect(before).toBeUndefined()
        break
      case 'refired':
        expect([before, after]).toEqual(['cleared', 'open'])
        break
      case 'changed':
      case 'escalated':
        expect(['open', 'cleared']).toContain(before)
        expect(after).toBe(before)
        break
      case 'cleared':
        expect([before, after]).toEqual(['open', 'cleared'])
        break
      case 'settled':
        expect([before, after]).toEqual(['cleared', 'settled'])
        break
      case 'merged':
        expect(['open', 'cleared']).toContain(before)
        expect(states.has(into!)).toBe(true)
        break
      case 'retracted':
        break
    }
    states.set(episode.id, after)
  }
  for (const state of states.values()) expect(['settled', 'merged']).toContain(state)
}

/** Up to 20 ms late, so that some are too late. */
const arrivalsArb = recordsArb.map((records) => arrived(records, Infinity))

describe('settled episodes and firings (I6)', () => {
  it('equal the naive answer for any order of arrival within late_by and any slicing', () => {
    fc.assert(
      fc.property(
        ruleArb,
        recordsArb,
        cutsArb,
        fc.nat({ max: 5 }),
        (rule, records, cuts, reorder) => {
          const inOrder = arrived(records, rule.lateByMs + reorder)
          const driver = run(rule, inOrder, cuts, reorder)
          const answer = expected(rule, inOrder, reorder)
          expect(settledOf(driver.changes)).toEqual([...answer.episodes].sort(byGroupAndStart))
          expect(driver.ledger.filter((row) => row.class === 'skipped')).toEqual([])
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('equal the naive answer over what was admitted when some events come too late', () => {
    fc.assert(
      fc.property(
        ruleArb,
        arrivalsArb,
        cutsArb,
        fc.nat({ max: 5 }),
        (rule, records, cuts, reorder) => {
          const driver = run(rule, records, cuts, reorder, true)
          const answer = expected(rule, records, reorder)
          expect(settledOf(driver.changes)).toEqual([...answer.episodes].sort(byGroupAndStart))
          const firings = new Map(
            [...driver.firings].map(([name, firing]) => [name.slice(7), firing]),
          )
          expect(firings).toEqual(
            new Map(
              answer.firings.map(({ ref, group, atMs, value }) => [
                ref,
                { rule: 'rule-1', group, atMs, value },
              ]),
            ),
          )
        },
      ),
      { numRuns: RUNS },
    )
  })

  it('are told in lives without contradiction, and severity follows the peak', () => {
    fc.assert(
      fc.property(ruleArb, arrivalsArb, cutsArb, (rule, records, cuts) => {
        const { changes } = run(rule, records, cuts, 0)
        checkLives(changes)
        const step = rule.escalate[0]!.atLeast
        for (const { episode } of changes) {
          expect(episode.severity).toBe(episode.peak >= step ? 'critical' : 'medium')
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('never take an early firing back: what fires at some time is a firing in the end', () => {
    fc.assert(
      fc.property(ruleArb, arrivalsArb, (rule, records) => {
        const driver = run(rule, records, [1], 0)
        const final = new Set(expected(rule, records, 0).firings.map(({ ref }) => ref))
        for (const { change, episode } of driver.changes) {
          if (change === 'opened') expect(final).toContain(episode.openedRef)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('leave a balanced ledger: every match is counted once (I9)', () => {
    fc.assert(
      fc.property(
        ruleArb,
        arrivalsArb,
        cutsArb,
        fc.nat({ max: 5 }),
        (rule, records, cuts, reorder) => {
          const { ledger, changes } = run(rule, records, cuts, reorder)
          const sum = (name: string): number =>
            ledger.reduce((n, row) => n + (row.class === name ? row.count : 0), 0)
          const answer = expected(rule, records, reorder)
          const inEpisodes = changes
            .filter(({ change }) => change === 'settled')
            .reduce((n, { episode }) => n + episode.matches, 0)
          expect(sum('episode')).toBe(inEpisodes)
          expect(sum('below')).toBe(answer.below)
          const matches = records.filter(({ host }) => host !== undefined).length
          expect(sum('episode') + sum('below') + sum('skipped')).toBe(matches)
        },
      ),
      { numRuns: RUNS },
    )
  })
})
