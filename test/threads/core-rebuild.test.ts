/** A rule is edited in a running service of one thread, whose disk is then taken as a crash leaves it. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { createApp } from '../../src/app.ts'
import type { App } from '../../src/app.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { gelf, postGelf } from '../support/gelf-send.ts'
import { waitFor } from '../support/wait-for.ts'

const folders: string[] = []
const running: App[] = []
afterEach(async () => {
  for (const app of running.splice(0)) await app.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const CONFIG = `
inputs: [{ name: web, type: gelf-http, listen: "127.0.0.1:0" }]
http: { listen: "127.0.0.1:0" }
`

it('rebuilds the state of an edited rule, and again at a restart from before the edit', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const folder = newFolder()
  writeRule(folder, 'where: code:500', 4)
  const first = await start(folder, clock)
  // The log keeps every entry, so that all of it can be run again below.
  change(folder, 'CREATE TRIGGER keep BEFORE DELETE ON input_log BEGIN SELECT raise(IGNORE); END')
  await first.send('a', 500, 3)
  await first.send('b', 500, 4)
  await first.send('c', 501, 9)
  expect(first.changes()).toEqual(['b open 4'])

  writeRule(folder, 'where: code:[500 TO 599]', 4)
  first.app.reload()
  const [said] = await first.logged('rules.rebuilt', 1)
  expect(said).toMatchObject({
    rules: ['errors'],
    missing: 0,
    warming: [],
    episodes: { gained: 1, lost: 0, same: 1, moved: 0 },
  })
  await waitFor('the gained episode', () => first.changes().length === 2 || undefined)
  // The group that was one short is still one short; the other was never told to be settled.
  await first.send('a', 502, 1)
  expect(first.changes()).toEqual(['a open 4', 'b open 4', 'c open 9'])
  expect(first.incidents()).toBe(3)

  const crashed = newFolder()
  cpSync(folder, crashed, { recursive: true })
  change(
    crashed,
    `DELETE FROM checkpoint; DELETE FROM checkpoint_cycle; UPDATE shard SET checkpoint_next = 1`,
  )
  const second = await start(crashed, clock)
  const [replayed] = await second.logged('core.replayed', 1)
  expect(replayed).toMatchObject({ differences: 0 })
  expect(replayed!['entries']).toBeGreaterThan(5)
  expect(second.log.filter(({ occurrence }) => occurrence === 'core.invariant_broken')).toEqual([])
  await second.send('d', 503, 4)
  await second.send('a', 503, 1)
  expect(second.changes()).toEqual(['a open 5', 'b open 4', 'c open 9', 'd open 4'])
  expect(second.incidents()).toBe(4)
})

it('settles as edited what the new text does not see, and starts with the edit made meanwhile', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const folder = newFolder()
  writeRule(folder, 'where: code:[500 TO 599]', 4)
  const first = await start(folder, clock)
  await first.send('a', 500, 5)
  await first.send('b', 502, 3)
  await first.app.stop()
  running.splice(0)

  writeRule(folder, 'where: code:502', 4)
  const second = await start(folder, clock)
  const [said] = await second.logged('rules.rebuilt', 1)
  expect(said).toMatchObject({ episodes: { gained: 0, lost: 1, same: 0, moved: 0 } })
  await second.send('b', 502, 1)
  expect(second.changes()).toEqual(['a settled 5', 'b open 4'])
})

it('counts what was refused before when late_by is raised, and a replay over the edit agrees', async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const folder = newFolder()
  const where = 'where: code:[500 TO 599]'
  writeRule(folder, where, 4, 'late_by: 0s')
  const first = await start(folder, clock)
  change(folder, 'CREATE TRIGGER keep BEFORE DELETE ON input_log BEGIN SELECT raise(IGNORE); END')
  await first.send('a', 500, 2)
  await first.send('b', 500, 4)
  // Later than what 'a' sends next by more than `reorder`.
  clock.advance(60_000)
  await first.send('other', 200, 1)
  await first.send('a', 500, 2, -50_000)
  expect(first.changes()).toEqual(['b open 4'])

  writeRule(folder, where, 4, 'late_by: 5m')
  first.app.reload()
  const [said] = await first.logged('rules.rebuilt', 1)
  const episodes = { gained: 1, lost: 0, same: 1, moved: 0 }
  expect(said).toMatchObject({ rules: ['errors'], missing: 0, episodes })
  await waitFor('the gained episode', () => first.changes().length === 2 || undefined)
  expect(first.changes()).toEqual(['a open 4', 'b open 4'])
  await first.send('a', 500, 1)

  // A start from the beginning of the log, over the edit.
  const crashed = newFolder()
  cpSync(folder, crashed, { recursive: true })
  change(crashed, 'UPDATE shard SET checkpoint_next = 1')
  change(crashed, 'DELETE FROM checkpoint; DELETE FROM checkpoint_cycle')
  const second = await start(crashed, clock)
  const [replayed] = await second.logged('core.replayed', 1)
  expect(replayed).toMatchObject({ differences: 0 })
  await second.send('a', 500, 1)
  expect(second.changes()).toEqual(['a open 6', 'b open 4'])

  writeRule(folder, where, 4, 'late_by: 1m')
  first.app.reload()
  await first.logged('rules.activated', 3)
  expect(first.log.filter(({ occurrence }) => occurrence === 'rules.rebuilt')).toHaveLength(1)
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-rebuild-'))
  folders.push(folder)
  mkdirSync(join(folder, 'rules'))
  writeFileSync(join(folder, 'tocsin.yaml'), CONFIG)
  return folder
}

function writeRule(folder: string, where: string, atLeast: number, more = ''): void {
  const text = `rule: errors
${where}
group_by: [region]
threshold: { at_least: ${atLeast}, within: 10m }
${more}
`
  writeFileSync(join(folder, 'rules', 'errors.yaml'), text)
}

function change(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'))
  database.exec(sql)
  database.close()
}

async function start(folder: string, clock: ManualClock) {
  const log: Record<string, unknown>[] = []
  const app = createApp({
    configFile: join(folder, 'tocsin.yaml'),
    env: {},
    clock: clock.now,
    timers: clock,
    random: () => 0.5,
    threads: 'one',
    log: { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    owner: 'test',
    version: '0',
  })
  running.push(app)
  const { http, inputs } = await app.start()
  const matched = async (): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${http.port}/metrics`)).text()
    return Number(/^tocsin_core_commits_total (\d+)/m.exec(text)?.[1] ?? 0)
  }
  const ask = <Row>(sql: string): Row[] => {
    const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
    try {
      return database.prepare(sql).all() as Row[]
    } finally {
      database.close()
    }
  }
  return {
    app,
    log,
    /** Resolves when the records have been evaluated. */
    async send(region: string, code: number, times: number, offsetMs = 0): Promise<void> {
      clock.advance(100)
      const before = await matched()
      const timestamp = (clock.now() + offsetMs) / 1_000
      const record = gelf('m', { timestamp, _region: region, _code: code })
      const body = Array.from({ length: times }, () => record).join('\n')
      expect(await postGelf(inputs[0]!.port, body)).toBe(202)
      await waitFor('a commit', async () => (await matched()) > before || undefined)
    },
    logged: (occurrence: string, times: number) =>
      waitFor(`${occurrence} in the log`, () => {
        const lines = log.filter((line) => line['occurrence'] === occurrence)
        return lines.length >= times ? lines : undefined
      }),
    changes: () =>
      ask<{ region: string; state: string; matches: number }>(
        `SELECT json_extract(group_json, '$.region') AS region, state, matches FROM episode
         WHERE merged_into IS NULL ORDER BY region`,
      ).map(({ region, state, matches }) => `${region} ${state} ${matches}`),
    incidents: () => ask<{ n: number }>('SELECT count(*) AS n FROM incident')[0]!.n,
  }
}
