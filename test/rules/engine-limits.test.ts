import { describe, expect, it } from 'vitest'
import { groupKey } from '../../src/model/group.ts'
import type { RuleLimits } from '../../src/rules/rule.ts'
import { bucketOf, GROUP_BUCKETS } from '../../src/rules/windows/group-hash.ts'
import { neighbours } from './engine-logs.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'
import { EngineDriver } from './engine-driver.ts'
import type { Sent } from './match-rows.ts'

const S = 1_000

function sum(driver: EngineDriver, name: string, reason: string | null): number {
  return driver.ledger
    .filter((row) => row.class === name && row.reason === reason)
    .reduce((n, row) => n + row.count, 0)
}

/** As many groups in each bucket. */
function perBucket(groups: number, overflow: RuleLimits['overflow'] = 'evict_oldest'): RuleLimits {
  return { groups: Math.floor((groups * GROUP_BUCKETS) / 1.25), overflow }
}

describe('the cap on groups (I2)', () => {
  const rule = ruleOf(
    { kind: 'threshold', atLeast: 2, withinMs: 60 * S },
    { lateByMs: 30 * S, quietMs: 60 * S },
  )
  const capped = (groups: number, overflow?: RuleLimits['overflow']): EngineDriver =>
    new EngineDriver(rulesetOf({ ...rule, limits: perBucket(groups, overflow) }))
  const [a, b, c, d] = neighbours(4) as [string, string, string, string]

  it('makes room by dropping the group that was longest unused, and says so', () => {
    const driver = capped(3)
    for (const [i, host] of [a, b, c, a, d].entries()) driver.send([{ timeMs: i * S, host }])
    expect(driver.engine.stats()[0]).toMatchObject({ groups: 3, capHits: 1 })
    expect(sum(driver, 'skipped', 'cap')).toBe(1)
    driver.send([{ timeMs: 6 * S, host: c }])
    driver.send([{ timeMs: 7 * S, host: d }])
    const opened = driver.changes.filter(({ change }) => change === 'opened')
    expect(opened.map(({ episode }) => [episode.group['host'], episode.flags])).toEqual([
      [a, []],
      [c, []],
      [d, ['capped']],
    ])
  })

  it('settles the episode of a dropped group with the flag capped', () => {
    const driver = capped(1)
    driver.send([
      { timeMs: S, host: a },
      { timeMs: 2 * S, host: a },
    ])
    driver.send([{ timeMs: 3 * S, host: b }])
    expect(driver.changes.map(({ change, episode }) => [change, episode.flags])).toEqual([
      ['opened', []],
      ['settled', ['capped']],
    ])
    expect(sum(driver, 'episode', null)).toBe(2)
    expect(driver.engine.stats()[0]).toMatchObject({ groups: 1, openEpisodes: 0 })
  })

  it('refuses a new group where the rule says so, and keeps those that are there', () => {
    const driver = capped(1, 'refuse_new')
    for (const [i, host] of [a, b, a].entries()) driver.send([{ timeMs: i * S, host }])
    expect(driver.changes.map(({ change, episode }) => [change, episode.group['host']])).toEqual([
      ['opened', a],
    ])
    expect(sum(driver, 'skipped', 'cap')).toBe(1)
    expect(driver.engine.stats()[0]).toMatchObject({ groups: 1, capHits: 1 })
  })

  it('flags a group that comes in after it was refused, while that can still matter', () => {
    const match = ruleOf({ kind: 'match' }, { quietMs: 60 * S, lateByMs: 10 * S })
    const driver = new EngineDriver(rulesetOf({ ...match, limits: perBucket(1, 'refuse_new') }), {
      reorderMs: 0,
    })
    driver.send([
      { timeMs: 0, host: a },
      { timeMs: 70 * S, host: b },
    ])
    driver.passTo(71 * S)
    driver.send([{ timeMs: 71 * S, host: b }])
    driver.passTo(300 * S)
    driver.send([{ timeMs: 301 * S, host: c }])
    const opened = driver.changes.filter(({ change }) => change === 'opened')
    expect(opened.map(({ episode }) => [episode.group['host'], episode.flags])).toEqual([
      [a, []],
      [b, ['capped']],
      [c, []],
    ])
  })

  it('holds however many groups come, and every match is counted once', () => {
    const driver = capped(10)
    const hosts = neighbours(90)
    for (let i = 0; i < 500; i++) driver.send([{ timeMs: i * 10, host: hosts[(i * 7) % 90]! }])
    expect(driver.engine.stats()[0]!.groups).toBe(10)
    driver.settle()
    const total = driver.ledger.reduce((n, row) => n + row.count, 0)
    expect(total).toBe(500)
  })

  it('forgets what is due before it drops what is not', () => {
    const driver = capped(100)
    const hosts = neighbours(200)
    driver.send(hosts.slice(0, 100).map((host) => ({ timeMs: 0, host })))
    // All are due now, more than an entry forgets.
    driver.passTo(200 * S)
    expect(driver.engine.stats()[0]!.groups).toBeGreaterThan(60)
    driver.send(hosts.slice(100, 160).map((host) => ({ timeMs: 201 * S, host })))
    expect(sum(driver, 'skipped', 'cap')).toBe(0)
    expect(driver.engine.stats()[0]).toMatchObject({ capHits: 0 })
  })

  it('applies to rules of type match too', () => {
    const match = ruleOf({ kind: 'match' }, { quietMs: 60 * S, limits: perBucket(2) })
    const driver = new EngineDriver(rulesetOf(match))
    for (const [i, host] of [a, b, c, a].entries()) driver.send([{ timeMs: i, host }])
    expect(driver.engine.stats()[0]!.groups).toBe(2)
    const flagged = driver.changes.filter(({ episode }) => episode.flags.includes('capped'))
    expect(flagged.length).toBeGreaterThan(0)
  })

  it('leaves groups of other buckets alone', () => {
    const driver = capped(1)
    for (let i = 0; i < 40; i++) driver.send([{ timeMs: i, host: `h${i}` }])
    const kept = new Set(Array.from({ length: 40 }, (_, i) => bucketOf(groupKey([`h${i}`]))))
    expect(driver.engine.stats()[0]!.groups).toBe(kept.size)
  })
})

describe('the cap on bytes (I2)', () => {
  const rule = ruleOf(
    { kind: 'threshold', atLeast: 3, withinMs: 60 * S },
    { lateByMs: 60 * S, quietMs: 60 * S },
  )
  /** 2,000 bytes per bucket: about 80 records. */
  const engine = { bytesMax: (2_000 * GROUP_BUCKETS) / 1.25 }
  const [a, b] = neighbours(2) as [string, string]

  it('cuts the one group that holds most of its bucket, and flags what reaches back to it', () => {
    const driver = new EngineDriver(rulesetOf(rule), { engine })
    driver.send([{ timeMs: 0, host: b }])
    for (let i = 0; i < 500; i++) driver.send([{ timeMs: i, host: a }])
    driver.send([{ timeMs: 501, host: b }])
    driver.settle()
    const settled = driver.changes.filter(({ change }) => change === 'settled')
    expect(settled.map(({ episode }) => [episode.group['host'], episode.flags])).toEqual([
      [a, ['capped']],
    ])
    expect(settled[0]!.episode).toMatchObject({ firings: 498, matches: 500 })
    expect(driver.engine.stats()[0]!.capHits).toBeGreaterThan(0)
    expect(sum(driver, 'below', null)).toBe(2)
  })

  it('makes room by dropping the oldest where no group is large', () => {
    const driver = new EngineDriver(rulesetOf(rule), { engine })
    for (const [i, host] of neighbours(60).entries()) driver.send([{ timeMs: i, host }])
    expect(driver.engine.stats()[0]!.groups).toBeLessThan(25)
    driver.settle()
    expect(driver.ledger.reduce((n, row) => n + row.count, 0)).toBe(60)
  })
})

describe('a group with more than 4,096 events in its window', () => {
  const rule = ruleOf(
    { kind: 'threshold', atLeast: 10, withinMs: 3_600 * S },
    { lateByMs: 1 * S, quietMs: 3_600 * S },
  )

  it('still counts every firing and every match, and calls only its values approximate', () => {
    const driver = new EngineDriver(rulesetOf(rule), { reorderMs: 0 })
    const events = 12_000
    for (let i = 0; i < events; i += 100) {
      const slice = Array.from({ length: 100 }, (_, k): Sent => ({
        timeMs: (i + k) * 100,
        host: 'a',
      }))
      driver.send(slice)
    }
    driver.settle()
    const settled = driver.changes.at(-1)!
    expect(settled.change).toBe('settled')
    expect(settled.episode).toMatchObject({
      matches: events,
      firings: events - 9,
      flags: ['approximate'],
      firstRef: 'gelf@1:0',
    })
    expect(settled.episode.peak).toBeGreaterThanOrEqual(4_096)
    expect(sum(driver, 'episode', null)).toBe(events)
  })

  it('is exact while everything lies within the lateness horizon', () => {
    const patient = { ...rule, lateByMs: 3_600 * S }
    const driver = new EngineDriver(rulesetOf(patient), { reorderMs: 0 })
    const slice = Array.from({ length: 5_000 }, (_, k): Sent => ({ timeMs: k, host: 'a' }))
    driver.send(slice)
    driver.settle()
    expect(driver.changes.at(-1)!.episode).toMatchObject({ peak: 5_000, flags: [] })
  })
})

describe('an idle input', () => {
  const rule = ruleOf(
    { kind: 'threshold', atLeast: 2, withinMs: 60 * S },
    { lateByMs: 10 * S, quietMs: 60 * S, inputs: ['a', 'b'] },
  )

  it('that wakes with events older than the assumption is refused as idle, not as late', () => {
    const driver = new EngineDriver(rulesetOf(rule))
    driver.send([{ timeMs: 100 * S, host: 'x' }], 'a@1')
    driver.send([{ timeMs: 100 * S }], 'b@1')
    driver.send([{ timeMs: 300 * S }], 'a@1')
    const body = driver.partitions.due(
      300 * S,
      () => true,
      () => 'up',
    )!
    driver.partitions.applyClock(body)
    driver.engine.advance({ nowMs: 300 * S, partitions: driver.partitions, no: ++driver.no })
    driver.send([{ timeMs: 220 * S, host: 'x' }], 'b@1')
    expect(driver.ledger.at(-1)).toMatchObject({ class: 'skipped', reason: 'idle', count: 1 })
    driver.send([{ timeMs: 230 * S, host: 'x' }], 'b@1')
    driver.send([{ timeMs: 231 * S, host: 'x' }], 'b@1')
    expect(driver.changes.map(({ change }) => change)).toEqual(['opened'])
  })
})

describe('a rule by receipt', () => {
  it('reads the watermark of receipt: old event times clear nothing', () => {
    const rule = ruleOf({ kind: 'match' }, { clock: 'received', quietMs: 60 * S, lateByMs: 0 })
    const driver = new EngineDriver(rulesetOf(rule))
    driver.send([{ timeMs: 100 * S, host: 'a' }])
    driver.passTo(165 * S)
    expect(driver.changes.map(({ change }) => change)).toEqual(['opened'])
    driver.nowMs = 166 * S
    driver.send([{ timeMs: 1 }])
    expect(driver.changes.map(({ change }) => change)).toEqual(['opened', 'cleared', 'settled'])
  })
})

describe('the engine', () => {
  it('refuses a slab that another rule set matched', () => {
    const rule = ruleOf({ kind: 'match' })
    const driver = new EngineDriver(rulesetOf(rule))
    driver.ruleset = rulesetOf({ ...rule, revision: 'rev-9' })
    expect(() => driver.send([{ timeMs: 1, host: 'a' }])).toThrow('rule set')
  })
})
