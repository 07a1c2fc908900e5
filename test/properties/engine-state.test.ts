import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { effectsHash } from '../../src/rules/effects-hash.ts'
import { bucketOf, RULE_BUCKET } from '../../src/rules/windows/group-hash.ts'
import { logArb, NEIGHBOURS } from '../rules/engine-logs.ts'
import { Checkpoints, EngineRun } from '../rules/engine-run.ts'
import type { Entry } from '../rules/engine-run.ts'

const RUNS = 150

/** How many buckets are written after each entry, over and over. */
const paceArb = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 })

function only(entry: Entry, hosts: readonly string[]): Entry {
  if (entry.kind === 'rules') return entry
  const records = entry.records.map(({ host, ...record }) =>
    host !== undefined && hosts.includes(host) ? { ...record, host } : record,
  )
  return { ...entry, records }
}

describe('window state (design §4.1)', () => {
  it('loaded from a checkpoint and run on equals the uninterrupted run, byte for byte', () => {
    fc.assert(
      fc.property(logArb, paceArb, fc.nat({ max: 50 }), ({ ruleset, entries }, pace, at) => {
        const run = new EngineRun(ruleset)
        const checkpoints = new Checkpoints(ruleset)
        const crash = at % entries.length
        const hashes: string[] = []
        for (const [i, entry] of entries.slice(0, crash).entries()) {
          if (entry.kind === 'rules') checkpoints.restart()
          hashes.push(effectsHash(run.apply(entry, i + 1)))
          const buckets = pace[i % pace.length]!
          if (buckets > 0) checkpoints.step(run, i + 1, buckets)
        }
        const recovered = checkpoints.recover()
        for (let no = checkpoints.fromNo; no <= crash; no++) {
          const hash = effectsHash(recovered.apply(entries[no - 1]!, no))
          if (no > checkpoints.storedNo) expect(hash).toBe(hashes[no - 1])
        }
        expect(recovered.state()).toEqual(run.state())
        expect(recovered.engine.watermarks()).toEqual(run.engine.watermarks())
        for (const [i, entry] of entries.slice(crash).entries()) {
          const no = crash + i + 1
          expect(recovered.apply(entry, no)).toEqual(run.apply(entry, no))
        }
        expect(recovered.state()).toEqual(run.state())
      }),
      { numRuns: RUNS },
    )
  })

  it('of one bucket decides alone as it does in company', () => {
    fc.assert(
      fc.property(logArb, ({ ruleset, entries }) => {
        const run = new EngineRun(ruleset)
        for (const [i, entry] of entries.entries()) run.apply(entry, i + 1)
        const state = run.state()
        for (const hosts of [['a'], NEIGHBOURS]) {
          const bucket = bucketOf(JSON.stringify([hosts[0]]))
          const alone = new EngineRun(ruleset)
          for (const [i, entry] of entries.entries()) alone.apply(only(entry, hosts), i + 1)
          const here = [...state].filter(([name]) => name.endsWith(`/${bucket}`))
          const there = [...alone.state()].filter(([name]) => !name.endsWith(`/${RULE_BUCKET}`))
          expect(there).toEqual(here)
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('does not depend on how the records of a partition were cut into slabs', () => {
    const cutsArb = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 })
    fc.assert(
      fc.property(logArb, cutsArb, ({ ruleset, entries }, cuts) => {
        // A cap acts by what is there at the moment: those episodes are flagged.
        fc.pre(ruleset.rules.every(({ limits }) => limits.groups === 100_000))
        const whole = new EngineRun(ruleset)
        const cut = new EngineRun(ruleset)
        let no = 0
        let nth = 0
        // Refused matches are handed over by entries, which the two do not share.
        const nowMs = 0
        for (const entry of entries) {
          if (entry.kind === 'rules') continue
          const { records } = entry
          const slice = { kind: 'records', partition: 'in@1' } as const
          whole.apply({ ...slice, records }, ++no, nowMs)
          for (let at = 0; at < records.length;) {
            const size = cuts[nth++ % cuts.length]!
            cut.apply({ ...slice, records: records.slice(at, at + size) }, ++no, nowMs)
            at += size
          }
        }
        expect(cut.state()).toEqual(whole.state())
      }),
      { numRuns: RUNS },
    )
  })
})
