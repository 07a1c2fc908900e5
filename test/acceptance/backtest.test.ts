/**
 * Live = backtest (I7): what the running service told about its inputs, across silence, old news
 * and a restart, is what a backtest of its journal tells.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { canonicalJson } from '../../src/lib/canonical.ts'
import { systemClock } from '../../src/system-clock.ts'
import { gelf, postGelf } from '../support/gelf-send.ts'
import { runTocsin } from '../support/run-tocsin.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0", idle_after: 1s, reorder: 200ms }
  - { name: idp, type: gelf-http, listen: "127.0.0.1:0", idle_after: 1s, reorder: 200ms }
http: { listen: "127.0.0.1:0" }
`
const RULES = `
rule: each
title: Every event of a user
severity: low
from: [web]
where: _exists_:user
group_by: [user]
match: {}
late_by: 1s
clear: { quiet_for: 2s }
---
rule: three
title: Three events of a user on either input
severity: high
where: _exists_:user
group_by: [user]
threshold: { at_least: 3, within: 10s }
escalate: [{ at_least: 5, severity: critical }]
late_by: 1s
clear: { quiet_for: 2s }
---
rule: logins
title: Logins
severity: medium
from: [idp]
where: _exists_:user
match: {}
late_by: 1s
clear: { quiet_for: 2s }
`

/** The range begins before the first record. */
const BEGINS = expect.stringContaining('nothing before it is kept') as string

let folder: string
let service: RunningService | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it('tells the episodes that the service told, from its journal', async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': RULES })
  const startMs = systemClock()
  const first = await start()
  await send(first, 'web', 'ann', [-300, -200, -100, 0, 0])
  await send(first, 'idp', 'ann', [0])
  await send(first, 'web', 'bob', [0, -20_000, 0])

  // Only the silence itself can end them: no event moves any watermark.
  await settled(4)
  // What is older than it was assumed wakes the input, and is refused.
  const lastMs = Math.max(...liveEpisodes().map(({ end }) => end))
  await send(first, 'web', 'ann', [lastMs + 500 - systemClock(), 0])
  await waitFor('the refusal', () => (skipped()['idle'] === undefined ? undefined : true))
  await send(first, 'idp', 'bob', [0, 0, 0])
  await first.stop('SIGKILL')

  const second = await start()
  await send(second, 'web', 'cid', [0, 0, 0, 0])
  await send(second, 'idp', 'cid', [-10_000, 0, 0])
  await settled(8)
  const beside = await backtest(startMs, systemClock())
  expect(beside.episodes).toEqual(liveEpisodes())
  expect(beside.episodes.length).toBeGreaterThanOrEqual(8)
  expect(beside.skipped).toEqual(skipped())
  expect(beside.skipped).toMatchObject({ idle: 2, late: expect.any(Number) as number })
  await second.stop()
  service = undefined

  const after = await backtest(startMs, systemClock())
  expect(after.episodes).toEqual(beside.episodes)
  const differs = await runTocsin(
    'backtest',
    ...range(startMs, systemClock()),
    '--against',
    rules(),
  )
  expect(differs).toMatchObject({ code: 0 })
  expect(differs.out.at(-1)).toContain('0 gained, 0 lost, 0 moved')
})

async function start(): Promise<RunningService> {
  service = await startService(folder)
  return service
}

/** One request for each event; `agoMs` after now is negative. */
async function send(
  to: RunningService,
  input: string,
  user: string,
  atMs: readonly number[],
): Promise<void> {
  for (const offsetMs of atMs) {
    const timestamp = (systemClock() + offsetMs) / 1_000
    const body = gelf(`of ${user}`, { _user: user, timestamp })
    expect(await postGelf(to.ports[input]!, body)).toBe(202)
  }
}

interface Told {
  readonly rule: string
  readonly group: Readonly<Record<string, string>>
  readonly start: number
  readonly end: number
  readonly matches: number
  readonly firings: number
  readonly peak: number
  readonly severity: string
}

function query<Row>(sql: string): Row[] {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  try {
    return database.prepare(sql).all() as Row[]
  } finally {
    database.close()
  }
}

function liveEpisodes(): Told[] {
  const rows = query<Omit<Told, 'group'> & { readonly group: string }>(
    `SELECT rule_id AS rule, group_json AS "group", start_ms AS start, end_ms AS end, matches,
       firings, peak, severity FROM episode`,
  )
  return sorted(rows.map((row) => ({ ...row, group: JSON.parse(row.group) as Told['group'] })))
}

async function settled(count: number): Promise<void> {
  await waitFor(`${count} settled episodes`, () => {
    const rows = query<{ state: string }>('SELECT state FROM episode')
    const isDone = rows.length >= count && rows.every(({ state }) => state === 'settled')
    return isDone ? true : undefined
  })
}

function skipped(): Record<string, number> {
  const rows = query<{ reason: string; n: number }>(
    "SELECT reason, sum(n) AS n FROM ledger WHERE reason <> '' GROUP BY reason",
  )
  return Object.fromEntries(rows.map(({ reason, n }) => [reason, n]))
}

function rules(): string {
  return join(folder, 'rules')
}

function range(fromMs: number, toMs: number): string[] {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString())
  const config = join(folder, 'tocsin.yaml')
  return ['--rules', rules(), '-c', config, '--from', from!, '--to', to!]
}

async function backtest(
  fromMs: number,
  toMs: number,
): Promise<{
  readonly episodes: Told[]
  readonly skipped: unknown
}> {
  const { code, out, err } = await runTocsin('backtest', ...range(fromMs, toMs), '--json')
  expect({ code, err }).toEqual({ code: 0, err: [BEGINS] })
  const lines = out.map((line) => JSON.parse(line) as Record<string, unknown>)
  const episodes = lines.filter(({ type, change }) => type === 'episode' && change === 'settled')
  return {
    episodes: sorted(episodes.map((line) => figuresOf(line as unknown as Told))),
    skipped: lines.at(-1)!['skipped'],
  }
}

function sorted(told: readonly Told[]): Told[] {
  return told.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1))
}

function figuresOf({ rule, group, start, end, matches, firings, peak, severity }: Told): Told {
  return { rule, group, start, end, matches, firings, peak, severity }
}
