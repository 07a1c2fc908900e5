import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { backtestOf, plainEvent } from './backtest-of.ts'
import { corpus } from './corpus.ts'

/** The counting rules of `rules.sigma.yml`, written natively; the others come with their types. */
const RULES = `
rule: c_count5
title: Five failed logins of one address in a minute
severity: high
where: action:login_failed
group_by: [src]
threshold: { at_least: 5, within: 60s }
---
rule: c_count_gt20
title: More than twenty failed logins of one address in ten minutes
severity: high
where: action:login_failed
group_by: [src]
threshold: { above: 20, within: 600s }
---
rule: c_two_keys
title: Four failed logins of one user from one address in two minutes
severity: high
where: action:login_failed
group_by: [src, user]
threshold: { at_least: 4, within: 120s }
---
rule: c_two_rules
title: Six failed logins or uses of sudo in a minute
severity: high
where: action:login_failed OR action:sudo
group_by: [src]
threshold: { at_least: 6, within: 60s }
`
const COUNTING = ['c_count5', 'c_count_gt20', 'c_two_keys', 'c_two_rules']

interface Event {
  readonly ts: number
  readonly action: string
  readonly src: string
  readonly user: string
}

interface Expected {
  readonly events: number
  readonly answers: Readonly<
    Record<
      string,
      {
        readonly groups_firing: number
        readonly firing_events: number
        readonly groups: Readonly<
          Record<
            string,
            {
              readonly first_fire_index: number
              readonly first_fire_ts: number
              readonly firing_events: number
            }
          >
        >
      }
    >
  >
  readonly arrival_order_with_up_to_30s_delay: readonly number[]
}

const streams = readdirSync(corpus('correlation-streams'))
  .filter((name) => name.endsWith('.events.jsonl.gz'))
  .map((name) => name.replace('.events.jsonl.gz', ''))

function read(stream: string): { events: Event[]; expected: Expected } {
  const file = corpus(`correlation-streams/${stream}.events.jsonl.gz`)
  const events = gunzipSync(readFileSync(file))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
  const path = corpus(`correlation-streams/${stream}.expected.json`)
  return { events, expected: JSON.parse(readFileSync(path, 'utf8')) as Expected }
}

/** What fired, told as the answers tell it; `order[i]` is the index of the i-th event to arrive. */
async function answersOf(events: readonly Event[], order: readonly number[]) {
  const arrived = order.map((index) => {
    const { ts, action, src, user } = events[index]!
    return plainEvent(Math.round(ts * 1_000), { action, src, user, i: index })
  })
  const { firings } = await backtestOf(RULES, 0, (take) => arrived.forEach(take))
  const answers = new Map<string, Map<string, { indexes: number[]; firstMs: number }>>()
  for (const { rule, group, at, event } of firings) {
    const groups = answers.get(rule) ?? new Map<string, { indexes: number[]; firstMs: number }>()
    answers.set(rule, groups)
    const key = Object.values(group).join('|')
    const found = groups.get(key) ?? { indexes: [], firstMs: at }
    groups.set(key, found)
    found.indexes.push(order[event]!)
  }
  return answers
}

describe.each(streams)('the stream %s', (stream) => {
  const { events, expected } = read(stream)
  const orders = {
    'in the order of the file': events.map((_, i) => i),
    'in an order with up to 30 s delay': expected.arrival_order_with_up_to_30s_delay,
  }

  it.each(Object.entries(orders))('fires exactly as computed %s', async (_, order) => {
    expect(order).toHaveLength(expected.events)
    const answers = await answersOf(events, order)
    for (const rule of COUNTING) {
      const { groups, firing_events, groups_firing } = expected.answers[rule]!
      const found = answers.get(rule) ?? new Map<string, never>()
      const told = Object.fromEntries(
        [...found].map(([key, { indexes, firstMs }]) => [
          key,
          {
            first_fire_index: indexes[0],
            first_fire_ts: firstMs / 1_000,
            firing_events: indexes.length,
          },
        ]),
      )
      expect(told, rule).toEqual(groups)
      expect(found.size).toBe(groups_firing)
      expect([...found.values()].flatMap(({ indexes }) => indexes)).toHaveLength(firing_events)
    }
  })
})
