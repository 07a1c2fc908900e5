import { describe, expect, it } from 'vitest'
import { hash64 } from '../../src/lib/hash64.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import { Backtest } from '../../src/rules/backtest.ts'
import type { BacktestLine } from '../../src/rules/backtest-lines.ts'
import type { Rule } from '../../src/rules/rule.ts'
import { matcherOf } from './matcher-of.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const two = ruleOf(
  { kind: 'threshold', atLeast: 2, withinMs: 10 },
  { id: 'two', inputs: ['elsewhere'], quietMs: 20, lateByMs: 30 },
)

/** Events of host `a` at these times, in this order; negative ones match nothing. */
function told(rules: readonly Rule[], times: readonly number[], host = 'a'): BacktestLine[] {
  const lines: BacktestLine[] = []
  const backtest = new Backtest({
    ruleset: rulesetOf(...rules),
    matcherFor: matcherOf((event) => event.get('kind') === 'failure'),
    reorderMs: 0,
    onLine: (line) => lines.push(line),
  })
  for (const time of times) {
    const timeMs = Math.abs(time)
    const fields = new Map([
      ['host', host],
      ['kind', time < 0 ? 'calm' : 'failure'],
    ])
    const hash = hash64(new TextEncoder().encode(String(time)))
    backtest.event(new PlainEvent({ fields, timeMs, receivedMs: timeMs, hash }))
  }
  backtest.finish()
  return lines
}

function firings(lines: readonly BacktestLine[]): string[] {
  return lines.flatMap((line) =>
    line.type === 'firing' ? [`${line.rule} ${line.event}@${line.at}=${line.value}`] : [],
  )
}

describe('a backtest', () => {
  it('tells each firing once, with the value as finally counted, in order of time', () => {
    expect(firings(told([two], [100, 105, 109, 103]))).toEqual([
      'two 3@103=2',
      'two 1@105=3',
      'two 2@109=4',
    ])
  })

  it('tells firings of one instant in the order of the file', () => {
    const one = ruleOf({ kind: 'match' }, { id: 'one', quietMs: 20, lateByMs: 30 })
    expect(firings(told([one], [100, 100, 100]))).toEqual([
      'one 0@100=1',
      'one 1@100=1',
      'one 2@100=1',
    ])
  })

  it('tells an episode from its opening to its end, and sums up last', () => {
    const lines = told([two], [100, 105, -126, 127, 128, 129, -400])
    const changes = lines.flatMap((line) =>
      line.type === 'episode' ? [`${line.change} ${line.start}..${line.end} ${line.firings}`] : [],
    )
    expect(changes).toEqual([
      'opened 105..105 1',
      'cleared 105..105 1',
      'opened 128..128 1',
      'settled 105..105 1',
      'cleared 128..129 2',
      'settled 128..129 2',
    ])
    expect(lines.at(-1)).toEqual({
      type: 'summary',
      events: 7,
      matches: 5,
      firings: 3,
      episodes: 2,
      skipped: {},
    })
  })

  it('names the start of the survivor when episodes merge', () => {
    const lines = told([two], [129, 130, 101, 102, 115, 116])
    const merged = lines.find((line) => line.type === 'episode' && line.change === 'merged')
    expect(merged).toMatchObject({ start: 102, end: 102, into: 102 })
  })

  it('lets events that match nothing move the time: what comes too late is skipped', () => {
    const lines = told([two], [100, -200, 105])
    expect(firings(lines)).toEqual([])
    expect(lines.at(-1)).toMatchObject({ matches: 2, skipped: { late: 1 } })
  })

  it('groups by the events own values and skips those that lack one', () => {
    const rule = ruleOf({ kind: 'match' }, { id: 'by-user', groupBy: ['user'] })
    expect(told([rule], [1, 2]).at(-1)).toMatchObject({ matches: 2, skipped: { missing_group: 2 } })
  })

  it('of no events tells only the sum', () => {
    expect(told([two], [])).toEqual([
      { type: 'summary', events: 0, matches: 0, firings: 0, episodes: 0, skipped: {} },
    ])
  })

  it('keeps the order over thousands of events, and holds few of them back', () => {
    const times = Array.from({ length: 5_000 }, (_, i) => 1_000 + i - ((i * 13) % 30))
    const lines = told([two], times)
    const at = lines.flatMap((line) => (line.type === 'firing' ? [line.at] : []))
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(at).toHaveLength(lines.at(-1)!.type === 'summary' ? 4_999 : 0)
    const first = lines.findIndex((line) => line.type === 'firing')
    expect(first).toBeLessThan(lines.length / 2)
  })
})
