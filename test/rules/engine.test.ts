import { describe, expect, it } from 'vitest'
import type { EpisodeChange } from '../../src/model/episode.ts'
import { EngineDriver } from './engine-driver.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const S = 1_000
const three = ruleOf(
  { kind: 'threshold', atLeast: 3, withinMs: 60 * S },
  { lateByMs: 30 * S, quietMs: 60 * S },
)

/** `opened a 1..3 (3/1/3)`: change, host, start..end in seconds, matches/firings/peak. */
function line({ change, episode }: EpisodeChange): string {
  const { startMs, endMs, matches, firings, peak, group } = episode
  const interval = `${startMs / S}..${endMs / S}`
  return `${change} ${group['host']} ${interval} (${matches}/${firings}/${peak})`
}

function at(...seconds: readonly number[]): { timeMs: number; host: string }[] {
  return seconds.map((s) => ({ timeMs: s * S, host: 'a' }))
}

describe('a threshold', () => {
  it('opens an episode at the event that makes it true', () => {
    const driver = new EngineDriver(rulesetOf(three))
    expect(driver.send(at(1, 2)).map(line)).toEqual([])
    expect(driver.send(at(3)).map(line)).toEqual(['opened a 3..3 (3/1/3)'])
    expect(driver.changes[0]!.episode).toMatchObject({
      openedRef: 'gelf@1:2',
      firstRef: 'gelf@1:0',
      lastRef: 'gelf@1:2',
      value: 3,
      severity: 'medium',
      state: 'open',
    })
  })

  it('tells one change for each slice', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    expect(driver.send(at(4, 5, 6)).map(line)).toEqual(['changed a 3..6 (6/4/6)'])
  })

  it('clears when the watermark is past the quiet period, settles late_by later', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    expect(driver.passTo(68 * S).map(line)).toEqual([])
    expect(driver.passTo(68 * S + 1).map(line)).toEqual(['cleared a 3..3 (3/1/3)'])
    expect(driver.passTo(98 * S).map(line)).toEqual([])
    expect(driver.passTo(98 * S + 1).map(line)).toEqual(['settled a 3..3 (3/1/3)'])
    expect(driver.engine.isQuiet()).toBe(true)
  })

  it('leaves nothing behind when all has settled', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3, 90, 170))
    driver.settle()
    expect(driver.engine.stats()).toEqual([
      {
        ruleId: 'rule-1',
        matches: 5,
        lastMatchMs: 170 * S,
        groups: 0,
        openEpisodes: 0,
        capHits: 0,
      },
    ])
    const sum = (name: string): number =>
      driver.ledger.reduce((n, row) => n + (row.class === name ? row.count : 0), 0)
    expect([sum('episode'), sum('below'), sum('skipped')]).toEqual([3, 2, 0])
  })

  it('counts a half-open window: an event exactly as old as the window is out', () => {
    const driver = new EngineDriver(rulesetOf(three))
    expect(driver.send(at(0, 30, 60)).map(line)).toEqual([])
    expect(driver.send([{ timeMs: 89_999, host: 'a' }]).map(line)).toEqual([
      'opened a 89.999..89.999 (3/1/3)',
    ])
  })

  it('fires at an older event when a late one completes its window', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(0, 10))
    driver.passTo(35 * S)
    expect(driver.send(at(5)).map(line)).toEqual(['opened a 10..10 (3/1/3)'])
    expect(driver.changes[0]!.episode.openedRef).toBe('gelf@1:1')
  })

  it('does not count what is later than late_by, and says so', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(0, 10))
    driver.passTo(40 * S + 1)
    expect(driver.send(at(5)).map(line)).toEqual([])
    expect(driver.ledger).toEqual([
      { ruleId: 'rule-1', hourMs: 0, class: 'skipped', reason: 'late', count: 1 },
    ])
  })
})
