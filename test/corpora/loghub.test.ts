import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { eachEvent } from '../../src/cli/events-file.ts'
import { backtestOf } from './backtest-of.ts'
import { corpus } from './corpus.ts'

/** In the answers an episode ends after one window without a firing. */
const RULES = {
  OpenSSH: `
rule: ssh-bruteforce
title: Five failed passwords from one address within a minute
severity: high
where: { message: { starts_with: "Failed password for " } }
group_by: [src_ip]
threshold: { at_least: 5, within: 60s }
clear: { quiet_for: 60s }
---
rule: ssh-bruteforce-heavy
title: Twenty failed passwords from one address within a minute
severity: critical
where: { message: { starts_with: "Failed password for " } }
group_by: [src_ip]
threshold: { at_least: 20, within: 60s }
clear: { quiet_for: 60s }
---
rule: ssh-breakin-line
title: A line that says possible break-in attempt
severity: low
where: { message: { contains: "POSSIBLE BREAK-IN ATTEMPT!" } }
group_by: [src_ip]
threshold: { at_least: 1, within: 60s }
clear: { quiet_for: 60s }
`,
  OpenStack: `
rule: api-404-burst
title: Three answers with status 404 within a minute
severity: medium
where: http_status:404
threshold: { at_least: 3, within: 60s }
clear: { quiet_for: 60s }
---
rule: slow-spawn
title: A spawn that took more than twenty seconds
severity: low
where: { message: { contains: "seconds to spawn the instance" }, took_s: { gt: 20 } }
threshold: { at_least: 1, within: 1s }
clear: { quiet_for: 1s }
`,
  Apache: `
rule: worker-error-burst
title: Five lines about workerEnv in error state within a minute
severity: medium
where: { message: { starts_with: "mod_jk child workerEnv in error state " } }
threshold: { at_least: 5, within: 60s }
clear: { quiet_for: 60s }
---
rule: worker-error-burst-10m
title: Ten lines about workerEnv in error state within ten minutes
severity: medium
where: { message: { starts_with: "mod_jk child workerEnv in error state " } }
threshold: { at_least: 10, within: 10m }
clear: { quiet_for: 10m }
`,
}

interface Answer {
  readonly rule_id: string
  readonly expected: {
    readonly firing_events_total: number
    readonly groups: readonly {
      readonly key: string
      readonly first_fire_at: string
      readonly first_fire_line: number
      readonly firing_events: number
      readonly episodes: readonly {
        readonly start: string
        readonly end: string
        readonly peak: number
        readonly firing_events: number
      }[]
    }[]
  }
}

describe.each(Object.entries(RULES))('the log of %s', (system, rules) => {
  it('gives exactly the groups, first lines, firings and episodes that were computed', async () => {
    const file = corpus(`loghub/${system}/${system}_2k.gelf.jsonl`)
    const told = await backtestOf(rules, 5_000, (take) => eachEvent(file, 'gelf', take))
    const path = corpus(`loghub/${system}/expected.json`)
    const { rules: answers } = JSON.parse(readFileSync(path, 'utf8')) as { rules: Answer[] }
    const ids = [...rules.matchAll(/^rule: (.*)$/gm)].map((match) => match[1]!)
    for (const id of ids) {
      const { expected } = answers.find(({ rule_id }) => rule_id === id)!
      const firings = told.firings.filter(({ rule }) => rule === id)
      const groups = Map.groupBy(firings, ({ group }) => Object.values(group).join('|') || '*')
      const found = [...groups].map(([key, own]) => ({
        key,
        first_fire_at: own[0]!.at,
        first_fire_line: own[0]!.event + 1,
        firing_events: own.length,
        episodes: told.settled
          .filter(
            ({ rule, group }) => rule === id && (Object.values(group).join('|') || '*') === key,
          )
          .map(({ start, end, peak, firings: count }) => ({
            start,
            end,
            peak,
            firing_events: count,
          })),
      }))
      expect(found.sort(byKey), id).toEqual(
        expected.groups
          .map(({ key, first_fire_at, first_fire_line, firing_events, episodes }) => ({
            key,
            first_fire_at: Date.parse(first_fire_at),
            first_fire_line,
            firing_events,
            episodes: episodes.map(({ start, end, peak, firing_events: count }) => ({
              start: Date.parse(start),
              end: Date.parse(end),
              peak,
              firing_events: count,
            })),
          }))
          .sort(byKey),
      )
      expect(firings).toHaveLength(expected.firing_events_total)
    }
  })
})

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : 1
}
