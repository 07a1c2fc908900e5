import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { backtestOf, plainEvent } from './backtest-of.ts'
import { corpus } from './corpus.ts'

/** The rules of `correlation-streams` that count, with the lateness of the cases. */
const RULES = `
rule: c_count5
title: Five failed logins
severity: high
where: action:login_failed
group_by: [src]
threshold: { at_least: 5, within: 60s }
late_by: 30s
---
rule: c_count_gt20
title: More than twenty failed logins
severity: high
where: action:login_failed
group_by: [src]
threshold: { above: 20, within: 600s }
late_by: 30s
---
rule: c_two_keys
title: Four failed logins of one user from one address
severity: high
where: action:login_failed
group_by: [src, user]
threshold: { at_least: 4, within: 120s }
late_by: 30s
---
rule: c_two_rules
title: Six failed logins or uses of sudo
severity: high
where: action:login_failed OR action:sudo
group_by: [src]
threshold: { at_least: 6, within: 60s }
late_by: 30s
`
const COUNTING = ['c_count5', 'c_count_gt20', 'c_two_keys', 'c_two_rules']
/** Rules of other types: distinct counts, sums and sequences come with those types. */
const OTHERS = ['c_users4', 'c_bytes', 'c_any_order', 'c_ordered', 'c_ordered_user']

interface Case {
  readonly case: string
  readonly events: readonly {
    readonly offset: number
    readonly t_ms: number
    readonly action: string
    readonly src?: string | null
    readonly user?: string | null
  }[]
  readonly firings: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
}

const file = readFileSync(corpus('window-cases.json'), 'utf8')
const { cases } = JSON.parse(file) as { cases: readonly Case[] }

describe('a small window case', () => {
  it('names only rules that are known here', () => {
    const named = new Set(cases.flatMap(({ firings }) => Object.keys(firings)))
    expect([...named].filter((rule) => ![...COUNTING, ...OTHERS].includes(rule))).toEqual([])
    expect(cases).toHaveLength(32)
  })

  it.each(cases.map((one) => [one.case, one] as const))('%s', async (_, { events, firings }) => {
    const start = Date.UTC(2026, 0, 1)
    const arrived = events.map(({ offset, t_ms, action, src, user }) =>
      plainEvent(start + t_ms, { action, src: src ?? null, user: user ?? null, offset }),
    )
    const answer: Record<string, Record<string, number[]>> = {}
    const told = await backtestOf(RULES, 0, (take) => arrived.forEach(take))
    for (const { rule, group, event } of told.firings) {
      const groups = (answer[rule] ??= {})
      const offsets = (groups[Object.values(group).join('|')] ??= [])
      offsets.push(events[event]!.offset)
      offsets.sort((a, b) => a - b)
    }
    const counting = Object.entries(firings).filter(([rule]) => COUNTING.includes(rule))
    expect(answer).toEqual(Object.fromEntries(counting))
  })
})
