import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineOptions } from '../../src/rules/engine.ts'
import { logArb, neighbours, NEIGHBOURS } from '../rules/engine-logs.ts'
import type { EngineLog } from '../rules/engine-logs.ts'
import { EngineRun } from '../rules/engine-run.ts'
import type { Entry } from '../rules/engine-run.ts'
import { plainWindowsOf } from '../rules/plain/plain-windows.ts'
import { ruleOf, rulesetOf } from '../rules/rule-builder.ts'

/** Runs a log with the engine's windows and with plain ones: all they say and keep is equal. */
function compare({ ruleset, entries }: EngineLog, options: Partial<EngineOptions> = {}): void {
  const fast = new EngineRun(ruleset, options)
  const plain = new EngineRun(ruleset, { ...options, makeWindows: plainWindowsOf })
  for (const [i, entry] of entries.entries()) {
    expect(fast.apply(entry, i + 1)).toEqual(plain.apply(entry, i + 1))
    expect(fast.engine.nextDueMs()).toBe(plain.engine.nextDueMs())
  }
  expect(fast.engine.stats()).toEqual(plain.engine.stats())
  expect(fast.state()).toEqual(plain.state())
}

describe('the key table in typed arrays', () => {
  it('says and keeps what plain maps and arrays do', () => {
    fc.assert(
      fc.property(logArb, fc.constantFrom(1e9, 256 * 1_600, 256 * 300), (log, bytesMax) => {
        compare(log, { bytesMax })
      }),
      { numRuns: 200 },
    )
  })

  it('also for hundreds of groups of one bucket that come, go and end at one time', () => {
    const rule = ruleOf(
      { kind: 'threshold', atLeast: 2, withinMs: 100 },
      { lateByMs: 10, quietMs: 100 },
    )
    const match = ruleOf({ kind: 'match' }, { id: 'match', revision: 'm', quietMs: 50 })
    const hosts = neighbours(200)
    const records = (timeMs: number, every: number): Entry => ({
      kind: 'records',
      partition: 'in@1',
      records: hosts.filter((_, i) => i % every === 0).map((host) => ({ timeMs, host })),
    })
    const pass = (timeMs: number): Entry => ({
      kind: 'records',
      partition: 'in@1',
      records: [{ timeMs }],
    })
    const entries = [records(0, 1), records(50, 2), pass(120), records(130, 3)]
    for (let timeMs = 400; timeMs < 404; timeMs++) entries.push(pass(timeMs), records(timeMs, 7))
    for (let timeMs = 800; timeMs < 820; timeMs++) entries.push(pass(timeMs))
    compare({ ruleset: rulesetOf(rule, match), entries })
    const limits = { groups: 30_000, overflow: 'evict_oldest' } as const
    compare({ ruleset: rulesetOf({ ...rule, limits }, { ...match, limits }), entries })
  })

  it('also for a group of thousands of records, some late, past the exact number', () => {
    const rule = ruleOf(
      { kind: 'threshold', atLeast: 10, withinMs: 4_000 },
      { lateByMs: 500, quietMs: 4_000 },
    )
    const arrivals = fc.array(fc.nat({ max: 900 }), { minLength: 6_000, maxLength: 6_000 })
    fc.assert(
      fc.property(arrivals, (lateness) => {
        const entries = Array.from({ length: 30 }, (_, slice): Entry => {
          const records = lateness.slice(slice * 200, slice * 200 + 200).map((late, i) => {
            const nth = slice * 200 + i
            return { timeMs: Math.floor(nth / 2) - (nth % 20 === 0 ? late : 0), host: 'a' }
          })
          return { kind: 'records', partition: 'in@1', records }
        })
        compare({ ruleset: rulesetOf(rule), entries })
      }),
      { numRuns: 3 },
    )
  })

  it('also for keys of any letters', () => {
    const rule = ruleOf({ kind: 'threshold', atLeast: 2, withinMs: 10 }, { quietMs: 10 })
    const key = fc.string({ unit: 'binary', maxLength: 70 })
    fc.assert(
      fc.property(
        fc.array(fc.oneof(key, fc.constantFrom(...NEIGHBOURS)), { maxLength: 40 }),
        (hosts) => {
          const entries = hosts.map((host, timeMs): Entry => ({
            kind: 'records',
            partition: 'in@1',
            records: [{ timeMs, host }],
          }))
          compare({ ruleset: rulesetOf(rule), entries })
        },
      ),
      { numRuns: 100 },
    )
  })
})
