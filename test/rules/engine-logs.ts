import * as fc from 'fast-check'
import type { CompiledRuleset, Rule, RuleLimits } from '../../src/rules/rule.ts'
import { groupKey } from '../../src/model/group.ts'
import { bucketOf } from '../../src/rules/windows/group-hash.ts'
import type { Entry } from './engine-run.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

/** Hosts whose groups lie in one bucket: caps count per bucket. */
export function neighbours(count: number): string[] {
  const hosts: string[] = []
  for (let i = 0; hosts.length < count; i++) {
    if (bucketOf(groupKey([`h${i}`])) === 7) hosts.push(`h${i}`)
  }
  return hosts
}

export const NEIGHBOURS: readonly string[] = neighbours(3)

const sentArb = fc.record({
  timeMs: fc.integer({ min: 0, max: 15 }),
  host: fc.constantFrom('a', 'a', 'b', 'c', 'd', ...NEIGHBOURS, undefined),
  text: fc.constantFrom('x', 'y', 'z'),
})

const limitsArb: fc.Arbitrary<RuleLimits> = fc.record({
  groups: fc.constantFrom(100_000, 1, 300),
  overflow: fc.constantFrom('evict_oldest', 'refuse_new'),
})

function ruleArb(id: string): fc.Arbitrary<Rule> {
  return fc
    .record({
      atLeast: fc.integer({ min: 1, max: 4 }),
      withinMs: fc.integer({ min: 1, max: 12 }),
      quietMs: fc.integer({ min: 0, max: 20 }),
      lateByMs: fc.integer({ min: 0, max: 12 }),
      kind: fc.constantFrom('threshold' as const, 'threshold' as const, 'match' as const),
      limits: limitsArb,
      edit: fc.nat({ max: 1 }),
    })
    .map(({ kind, atLeast, withinMs, edit, ...over }) =>
      ruleOf(kind === 'match' ? { kind } : { kind, atLeast, withinMs }, {
        id,
        escalate: [{ atLeast: atLeast + 2, severity: 'critical' }],
        stateHash: `${kind} ${withinMs} ${edit}`,
        revision: JSON.stringify([kind, atLeast, withinMs, edit, over]),
        ...over,
      }),
    )
}

/** Two rules, of which sometimes one is away. */
const rulesetArb = fc
  .record({
    one: ruleArb('one'),
    two: ruleArb('two'),
    who: fc.constantFrom('both', 'both', 'one', 'two'),
  })
  .map(({ one, two, who }) => {
    if (who === 'both') return rulesetOf(one, two)
    return rulesetOf(who === 'one' ? one : two)
  })

/** Rule sets of one log: one, an edit that keeps state, and another; each may come back. */
const rulesetsArb = fc
  .tuple(rulesetArb, fc.nat({ max: 2 }), fc.integer({ min: 1, max: 4 }), rulesetArb)
  .map(([base, lateMore, atLeast, other]) => {
    const edited = base.rules.map((rule) => ({
      ...rule,
      revision: `${rule.revision} ${lateMore} ${atLeast}`,
      lateByMs: rule.lateByMs + lateMore,
      detector: rule.detector.kind === 'match' ? rule.detector : { ...rule.detector, atLeast },
    }))
    return [base, rulesetOf(...edited), other] as const
  })

export interface EngineLog {
  readonly ruleset: CompiledRuleset
  readonly entries: readonly Entry[]
}

/** Time goes on over the log, so that groups come, fire, clear and go. */
export const logArb: fc.Arbitrary<EngineLog> = fc
  .tuple(
    rulesetsArb,
    fc.array(
      fc.record({
        partition: fc.constantFrom('in@1', 'in@1', 'other@1'),
        records: fc.array(sentArb, { minLength: 1, maxLength: 8 }),
        stepMs: fc.nat({ max: 12 }),
        reload: fc.constantFrom(undefined, undefined, undefined, undefined, 0, 1, 2),
      }),
      { minLength: 4, maxLength: 25, size: 'max' },
    ),
  )
  .map(([rulesets, steps]) => {
    let timeMs = 0
    const entries: Entry[] = []
    for (const { partition, records, stepMs, reload } of steps) {
      if (reload !== undefined) entries.push({ kind: 'rules', ruleset: rulesets[reload] })
      timeMs += stepMs
      const moved = records.map((record) => ({ ...record, timeMs: record.timeMs + timeMs }))
      entries.push({ kind: 'records', partition, records: moved })
    }
    return { ruleset: rulesets[0], entries }
  })
