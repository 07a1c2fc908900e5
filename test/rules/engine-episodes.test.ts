import { describe, expect, it } from 'vitest'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { Rule } from '../../src/rules/rule.ts'
import { EngineDriver } from './engine-driver.ts'
import type { Sent } from './match-rows.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

/** Milliseconds are the unit of these tables: quiet 20, late_by 30, no reorder. */
const everyMatch = ruleOf({ kind: 'match' }, { quietMs: 20, lateByMs: 30 })

function line({ change, episode, into }: EpisodeChange): string {
  const { startMs, endMs, matches, firings, value, peak, severity } = episode
  const text = `${change} ${startMs}..${endMs} ${matches}/${firings}/${value}/${peak} ${severity}`
  return into === undefined ? text : `${text} into another`
}

/** Each number is one event in a slice of its own; `{ to }` lets other traffic pass. */
function told(
  rule: Rule,
  steps: readonly (number | readonly number[] | { readonly to: number })[],
): string[][] {
  const driver = new EngineDriver(rulesetOf(rule), { reorderMs: 0 })
  return steps.map((step) => {
    if (typeof step === 'object' && 'to' in step) return driver.passTo(step.to).map(line)
    const times = typeof step === 'number' ? [step] : step
    return driver.send(times.map((timeMs): Sent => ({ timeMs, host: 'a' }))).map(line)
  })
}

describe('an episode', () => {
  it('extends while gaps are at most the quiet period, both ways', () => {
    expect(told(everyMatch, [100, 120, 90])).toEqual([
      ['opened 100..100 1/1/1/1 medium'],
      ['changed 100..120 2/2/1/1 medium'],
      ['changed 90..120 3/3/1/1 medium'],
    ])
  })

  it('is another one a millisecond further on', () => {
    expect(told(everyMatch, [100, { to: 120 }, 121])).toEqual([
      ['opened 100..100 1/1/1/1 medium'],
      [],
      ['opened 121..121 1/1/1/1 medium', 'cleared 100..100 1/1/1/1 medium'],
    ])
  })

  it('fires again when an admitted event brings it back after it was cleared', () => {
    expect(told(everyMatch, [100, { to: 121 }, 115, { to: 135 }, { to: 136 }])).toEqual([
      ['opened 100..100 1/1/1/1 medium'],
      ['cleared 100..100 1/1/1/1 medium'],
      ['refired 100..115 2/2/1/1 medium'],
      [],
      ['cleared 100..115 2/2/1/1 medium'],
    ])
  })

  it('stays cleared when a late event lies so far back that nothing is open by now', () => {
    expect(told(everyMatch, [100, { to: 129 }, 99, 108])).toEqual([
      ['opened 100..100 1/1/1/1 medium'],
      ['cleared 100..100 1/1/1/1 medium'],
      ['changed 99..100 2/2/1/1 medium'],
      ['changed 99..108 3/3/1/1 medium'],
    ])
  })

  it('is opened and cleared at once when it lies wholly in the past', () => {
    expect(told(everyMatch, [{ to: 129 }, 100])).toEqual([
      [],
      ['opened 100..100 1/1/1/1 medium', 'cleared 100..100 1/1/1/1 medium'],
    ])
  })

  it('settles once late_by has passed too, and an event after that opens another', () => {
    expect(told(everyMatch, [100, { to: 150 }, { to: 151 }, 121])).toEqual([
      ['opened 100..100 1/1/1/1 medium'],
      ['cleared 100..100 1/1/1/1 medium'],
      ['settled 100..100 1/1/1/1 medium'],
      ['opened 121..121 1/1/1/1 medium', 'cleared 121..121 1/1/1/1 medium'],
    ])
  })

  it('absorbs its neighbour when an event joins them; the one opened first stays', () => {
    const driver = new EngineDriver(rulesetOf(everyMatch), { reorderMs: 0 })
    for (const timeMs of [130, 100, 115]) driver.send([{ timeMs, host: 'a' }])
    const [first, second, , survivor, merged] = driver.changes
    expect(driver.changes.map(line)).toEqual([
      'opened 130..130 1/1/1/1 medium',
      'opened 100..100 1/1/1/1 medium',
      'cleared 100..100 1/1/1/1 medium',
      'changed 100..130 3/3/1/1 medium',
      'merged 100..100 1/1/1/1 medium into another',
    ])
    expect(survivor!.episode.id).toBe(first!.episode.id)
    expect([merged!.episode.id, merged!.into]).toEqual([second!.episode.id, first!.episode.id])
    expect(survivor!.episode).toMatchObject({ firstRef: 'gelf@1:1', lastRef: 'gelf@1:0' })
  })

  it('that was opened and absorbed within one slice is never told of', () => {
    expect(told(everyMatch, [[130, 100, 115]])).toEqual([['opened 100..130 3/3/1/1 medium']])
  })

  it('takes value and first event from where they are after a merge', () => {
    const rule = ruleOf(
      { kind: 'threshold', atLeast: 2, withinMs: 5 },
      { quietMs: 20, lateByMs: 40 },
    )
    const driver = new EngineDriver(rulesetOf(rule), { reorderMs: 0 })
    for (const timeMs of [99, 100, 128, 129, 130, 114, 115]) driver.send([{ timeMs, host: 'a' }])
    expect(driver.changes.at(-2)!.episode).toMatchObject({
      startMs: 100,
      endMs: 130,
      firings: 4,
      matches: 7,
      value: 3,
      peak: 3,
      firstRef: 'gelf@1:0',
      lastRef: 'gelf@1:4',
    })
    expect(driver.changes.at(-1)!.change).toBe('merged')
  })

  it('keeps its groups apart', () => {
    const driver = new EngineDriver(rulesetOf(everyMatch), { reorderMs: 0 })
    driver.send([
      { timeMs: 100, host: 'a' },
      { timeMs: 101, host: 'b' },
    ])
    expect(driver.changes.map(({ episode }) => episode.group)).toEqual([
      { host: 'a' },
      { host: 'b' },
    ])
  })

  it('is named after rule, group and opening record alone', () => {
    const first = new EngineDriver(rulesetOf(everyMatch))
    const edited = { ...everyMatch, revision: 'rev-2', severity: 'low' as const }
    const second = new EngineDriver(rulesetOf(edited))
    for (const driver of [first, second]) driver.send([{ timeMs: 100, host: 'a' }])
    expect(second.changes[0]!.episode.id).toBe(first.changes[0]!.episode.id)
    expect(first.changes[0]!.episode.id).toMatch(/^[a-z2-7]{26}$/)
    expect(second.changes[0]!.episode.ruleRev).toBe('rev-2')
  })
})

describe('severity', () => {
  const rule = ruleOf(
    { kind: 'threshold', atLeast: 2, withinMs: 50 },
    {
      quietMs: 50,
      lateByMs: 30,
      escalate: [
        { atLeast: 3, severity: 'high' },
        { atLeast: 4, severity: 'critical' },
      ],
    },
  )

  it('rises with the peak, step by step, and is told as escalated', () => {
    expect(told(rule, [100, 101, 102, 103, 104, 170])).toEqual([
      [],
      ['opened 101..101 2/1/2/2 medium'],
      ['escalated 101..102 3/2/3/3 high'],
      ['escalated 101..103 4/3/4/4 critical'],
      ['changed 101..104 5/4/5/5 critical'],
      ['cleared 101..104 5/4/5/5 critical'],
    ])
  })

  it('is right from the opening when a slice brings everything at once', () => {
    expect(told(rule, [[100, 101, 102, 103]])).toEqual([['opened 101..103 4/3/4/4 critical']])
  })

  it('follows a late event that raises the value of an older firing', () => {
    expect(told(rule, [100, 110, 90])).toEqual([
      [],
      ['opened 110..110 2/1/2/2 medium'],
      ['escalated 100..110 3/2/3/3 high'],
    ])
  })

  it('does not fall when the value does', () => {
    expect(told(rule, [100, 101, 102, 140, 151, 152]).at(-1)).toEqual([
      'changed 101..152 6/5/3/4 critical',
    ])
  })
})
