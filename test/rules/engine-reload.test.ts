import { describe, expect, it } from 'vitest'
import type { EpisodeChange } from '../../src/model/episode.ts'
import { EngineDriver } from './engine-driver.ts'
import { EngineRun } from './engine-run.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const S = 1_000
const three = ruleOf(
  { kind: 'threshold', atLeast: 3, withinMs: 60 * S },
  { lateByMs: 30 * S, quietMs: 60 * S },
)

function line({ change, episode, cause }: EpisodeChange): string {
  const { ruleId, group, startMs, endMs, firings } = episode
  const interval = `${startMs / S}..${endMs / S}`
  const why = cause === undefined ? '' : ` (${cause})`
  return `${change} ${ruleId} ${group['host']} ${interval} ${firings}${why}`
}

function at(...seconds: readonly number[]): { timeMs: number; host: string }[] {
  return seconds.map((s) => ({ timeMs: s * S, host: 'a' }))
}

describe('a reload (I8)', () => {
  it('keeps half-full windows of a rule whose state hash is unchanged', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2))
    driver.reload(rulesetOf({ ...three, title: 'Another title', revision: 'rev-2' }))
    expect(driver.send(at(3)).map(line)).toEqual(['opened rule-1 a 3..3 1'])
    expect(driver.changes[0]!.episode).toMatchObject({ ruleRev: 'rev-2', firstRef: 'gelf@1:0' })
  })

  it('carries an open episode on under the name it has', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    driver.reload(rulesetOf({ ...three, severity: 'high', revision: 'rev-2' }))
    expect(driver.send(at(4)).map(line)).toEqual(['escalated rule-1 a 3..4 2'])
    const [opened, changed] = driver.changes
    expect(changed!.episode.id).toBe(opened!.episode.id)
    expect(changed!.episode.ruleRev).toBe('rev-1')
  })

  it('settles what a removed rule had open, and accounts for its matches', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    driver.send([{ timeMs: 4 * S, host: 'b' }])
    const other = ruleOf({ kind: 'match' }, { id: 'rule-2' })
    expect(driver.reload(rulesetOf(other)).map(line)).toEqual([
      'settled rule-1 a 3..3 1 (rule_removed)',
    ])
    expect(driver.ledger).toEqual([
      { ruleId: 'rule-1', hourMs: 0, class: 'episode', reason: null, count: 3 },
      { ruleId: 'rule-1', hourMs: 0, class: 'below', reason: null, count: 1 },
    ])
  })

  it('writes over what a former life has stored, also when one in between never did', () => {
    const first = rulesetOf(ruleOf({ kind: 'match' }))
    const other = rulesetOf(ruleOf({ kind: 'match' }, { stateHash: 'state-2' }))
    const run = new EngineRun(first)
    const records = [{ timeMs: 0, host: 'a', text: 'x' }]
    run.apply({ kind: 'records', partition: 'in@1', records }, 1)
    const stored = run.engine.dirty()
    for (const name of stored) run.engine.save(name)
    for (const [i, ruleset] of [other, first, other, first].entries()) {
      run.apply({ kind: 'rules', ruleset }, i + 2)
    }
    expect(run.engine.dirty()).toEqual(expect.arrayContaining(stored))
  })

  it('begins a rule anew whose state hash changed', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    const edited = { ...three, stateHash: 'state-2', revision: 'rev-2' }
    expect(driver.reload(rulesetOf(edited)).map(line)).toEqual(['settled rule-1 a 3..3 1 (edit)'])
    expect(driver.send(at(4, 5)).map(line)).toEqual([])
    expect(driver.send(at(6)).map(line)).toEqual(['opened rule-1 a 6..6 1'])
  })

  it('asks a lower threshold of the windows that are there', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2))
    const two = { ...three, detector: { ...three.detector, atLeast: 2 }, revision: 'rev-2' }
    expect(driver.reload(rulesetOf(two as typeof three)).map(line)).toEqual([
      'opened rule-1 a 2..2 1 (edit)',
    ])
  })

  it('lets what is open under a lower threshold end by time when the threshold is raised', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    const four = { ...three, detector: { ...three.detector, atLeast: 4 }, revision: 'rev-2' }
    expect(driver.reload(rulesetOf(four as typeof three)).map(line)).toEqual([])
    expect(driver.send(at(4)).map(line)).toEqual(['changed rule-1 a 3..4 2'])
    expect(driver.settle().map(line)).toEqual([
      'cleared rule-1 a 3..4 2',
      'settled rule-1 a 3..4 2',
    ])
    expect(driver.changes.at(-1)!.episode.matches).toBe(4)
  })

  it('applies another quiet period to what is open', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    driver.reload(rulesetOf({ ...three, quietMs: 10 * S, revision: 'rev-2' }))
    expect(driver.passTo(18 * S + 1).map(line)).toEqual(['cleared rule-1 a 3..3 1'])
  })

  it('never admits what was refused under a shorter late_by', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 70))
    driver.reload(rulesetOf({ ...three, lateByMs: 3_600 * S, revision: 'rev-2' }))
    expect(driver.send(at(3)).map(line)).toEqual([])
    expect(driver.ledger.at(-1)).toMatchObject({ class: 'skipped', reason: 'late' })
    expect(driver.send(at(50, 51)).map(line)).toEqual(['opened rule-1 a 50..70 3'])
  })

  it('never lets a watermark fall when inputs are added', () => {
    const driver = new EngineDriver(rulesetOf({ ...three, inputs: ['gelf'] }))
    driver.send(at(1, 2, 3))
    driver.passTo(60 * S)
    driver.partitions.open('slow@1', 'slow', 1, 0)
    driver.reload(rulesetOf({ ...three, inputs: ['gelf', 'slow'], revision: 'rev-2' }))
    expect(driver.send([{ timeMs: 24 * S, host: 'a' }], 'slow@1').map(line)).toEqual([])
    expect(driver.ledger.at(-1)).toMatchObject({ class: 'skipped', reason: 'idle' })
  })

  it('keeps figures of a rule that stays', () => {
    const driver = new EngineDriver(rulesetOf(three))
    driver.send(at(1, 2, 3))
    driver.reload(rulesetOf({ ...three, revision: 'rev-2' }))
    expect(driver.engine.stats()).toEqual([
      { ruleId: 'rule-1', matches: 3, lastMatchMs: 3 * S, groups: 1, openEpisodes: 1, capHits: 0 },
    ])
  })
})
