import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bucketOf } from '../../src/rules/windows/group-hash.ts'
import { neighbours } from './engine-logs.ts'
import { EngineRun } from './engine-run.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'saved-bucket.json')

const rule = ruleOf(
  { kind: 'threshold', atLeast: 2, withinMs: 60_000 },
  { lateByMs: 1_000, quietMs: 60_000, escalate: [{ atLeast: 3, severity: 'critical' }] },
)

/** A bucket with most of what there is: firings, ties, partitions, a cleared and an open episode. */
function run(): EngineRun {
  const [a, b, c] = neighbours(3) as [string, string, string]
  const made = new EngineRun(rulesetOf(rule))
  const send = (no: number, partition: string, seconds: readonly number[], host: string): void => {
    const records = seconds.map((s) => ({ timeMs: s * 1_000, host, text: `${host} ${s}` }))
    made.apply({ kind: 'records', partition, records }, no)
  }
  send(1, 'tcp@1', [10, 10, 11], a)
  send(2, 'udp@1', [10.5], a)
  send(3, 'tcp@1', [71.5], b)
  send(4, 'udp@1', [71.6, 71.6], c)
  return made
}

describe('saved window state', () => {
  const name = { ruleId: rule.id, stateHash: rule.stateHash, bucket: 7 }

  it('keeps its form: a stored bucket is read by every later version', () => {
    const saved = Buffer.from(run().engine.save(name)).toString('base64')
    const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { readonly saved: string }
    // Another form needs another STATE_FORMAT, so that no rule reads this one.
    expect(saved).toBe(golden.saved)
    const loaded = new EngineRun(rulesetOf(rule))
    loaded.engine.load({ ...name, no: 4, blob: Buffer.from(golden.saved, 'base64') })
    expect(Buffer.from(loaded.engine.save(name)).toString('base64')).toBe(golden.saved)
    expect(loaded.engine.stats()[0]).toMatchObject({ groups: 3, openEpisodes: 2 })
  })

  it('keeps the form of refused matches, which stand before the windows', () => {
    const [a, b] = neighbours(2) as [string, string]
    const made = run()
    const late = { kind: 'records', partition: 'udp@1' } as const
    made.apply({ ...late, records: [{ timeMs: 20_000, host: b, text: 'late' }] }, 5)
    made.apply({ ...late, records: [{ timeMs: 15_000, host: a, text: 'late' }] }, 6)
    const saved = Buffer.from(made.engine.save(name)).toString('base64')
    const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as { readonly refused: string }
    expect(saved).toBe(golden.refused)
    const loaded = new EngineRun(rulesetOf(rule))
    loaded.engine.load({ ...name, no: 6, blob: Buffer.from(golden.refused, 'base64') })
    expect(Buffer.from(loaded.engine.save(name)).toString('base64')).toBe(golden.refused)
  })

  it('is empty where there is none, and for a rule or hash that is not in force', () => {
    const { engine } = run()
    expect(engine.save({ ...name, bucket: 8 })).toHaveLength(0)
    expect(engine.save({ ...name, bucket: 256 })).toHaveLength(0)
    expect(engine.save({ ...name, stateHash: 'other' })).toHaveLength(0)
    expect(engine.save({ ...name, ruleId: 'other' })).toHaveLength(0)
  })

  it('is dirty until it is saved, and clean when it was loaded', () => {
    const { engine } = run()
    expect(engine.dirty()).toEqual([name])
    const blob = engine.save(name)
    expect(engine.dirty()).toEqual([])
    const loaded = new EngineRun(rulesetOf(rule)).engine
    loaded.load({ ...name, no: 4, blob })
    expect(loaded.dirty()).toEqual([])
    expect(loaded.stateHashes()).toEqual([{ ruleId: rule.id, stateHash: rule.stateHash }])
  })

  it('is refused when it was damaged or has another form', () => {
    const blob = run().engine.save(name)
    const load = (bytes: Uint8Array): void =>
      new EngineRun(rulesetOf(rule)).engine.load({ ...name, no: 4, blob: bytes })
    expect(() => load(blob.subarray(0, blob.length - 5))).toThrow('ends too early')
    expect(() => load(Uint8Array.of(...blob, 0))).toThrow('goes on behind its end')
    expect(() => load(Uint8Array.of(9, ...blob.subarray(1)))).toThrow('form 9')
  })

  it('holds groups by the bucket of their key', () => {
    expect(neighbours(3).map((host) => bucketOf(JSON.stringify([host])))).toEqual([7, 7, 7])
  })
})
