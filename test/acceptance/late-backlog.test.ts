/**
 * A host that was cut off delivers its backlog two hours late: it is recorded and shown as old news,
 * and nobody is paged (design §4.2). Its process may be killed between asking for it and having it.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { createApp } from '../../src/app.ts'
import type { App } from '../../src/app.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { gelf, postGelf } from '../support/gelf-send.ts'
import { HTTP_CONFIG, TEST_TOKEN } from '../support/service-api.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 1, 9)
const HOUR_MS = 3_600_000
const SECOND_MS = 1_000

const CONFIG = `
inputs: [{ name: web, type: gelf-http, listen: "127.0.0.1:0", silent_after: off }]
${HTTP_CONFIG}
`
const RULE = `
rule: errors
title: Errors
severity: critical
where: "message:error"
group_by: [source]
threshold: { at_least: 3, within: 1m }
clear: { quiet_for: 5m }
`

const AUTHORISED = { authorization: `Bearer ${TEST_TOKEN}` }

const folders: string[] = []
const running: App[] = []
afterEach(async () => {
  for (const app of running.splice(0)) await app.stop()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('records a backlog of two hours ago as old news, shows it, and pages nobody', async () => {
  const clock = new ManualClock(START_MS + 2 * HOUR_MS)
  const run = await start(newFolder(), clock)
  await run.backlog()
  const [episode, ...more] = await run.oldNews()
  expect(more).toEqual([])
  expect(episode).toMatchObject({
    ruleId: 'errors',
    group: { source: 'cut-off' },
    state: 'settled',
    startMs: START_MS + 20 * SECOND_MS,
    endMs: START_MS + 40 * SECOND_MS,
    matches: 5,
    firings: 3,
    peak: 5,
    severity: 'critical',
    incidentId: null,
    isRecomputed: true,
    lateMatches: 5,
  })
  expect(run.ask('SELECT number FROM incident')).toEqual([])
  const page = await run.get('/')
  expect(page).toContain('Old news')
  expect(page).toContain('cut-off')
  expect(await run.get('/metrics')).toMatch(/^tocsin_recomputes_total\{step="recorded"\} 1$/m)
  // What was late is counted as such, and nothing of it twice (I9).
  expect(run.ask('SELECT class, reason, n FROM ledger')).toEqual([
    { class: 'skipped', reason: 'late', n: 5 },
  ])
})

it('notes a backlog on the episode that it only adds to', async () => {
  const clock = new ManualClock(START_MS)
  const run = await start(newFolder(), clock)
  await run.send('cut-off', [0, 1, 2])
  await run.pass(900)
  await run.backlog()
  const [episode] = await run.episodes()
  expect(episode).toMatchObject({ disposition: 'opened', matches: 3, lateMatches: 5 })
  expect(await run.oldNews(0)).toEqual([])
  expect(run.ask('SELECT number FROM incident')).toHaveLength(1)
})

it('reads it back once when the process is killed between asking for it and having it', async () => {
  const clock = new ManualClock(START_MS + 2 * HOUR_MS)
  const folder = newFolder()
  const first = await start(folder, clock)
  const crashed = newFolder()
  const copied = first.whenAsked(() => cpSync(folder, crashed, { recursive: true }))
  await first.backlog()
  await copied
  const second = await start(crashed, clock)
  expect(await second.oldNews()).toHaveLength(1)
  expect(second.ask('SELECT id FROM recompute')).toEqual([])
  expect(second.ask('SELECT count(*) AS n FROM episode')).toEqual([{ n: 1 }])
  await second.app.stop()
  running.splice(running.indexOf(second.app), 1)
  const third = await start(crashed, clock)
  await third.pass(120)
  expect(await third.oldNews()).toHaveLength(1)
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-backlog-'))
  folders.push(folder)
  mkdirSync(join(folder, 'rules'))
  writeFileSync(join(folder, 'tocsin.yaml'), CONFIG)
  writeFileSync(join(folder, 'rules', 'errors.yaml'), RULE)
  return folder
}

async function start(folder: string, clock: ManualClock) {
  const app = createApp({
    configFile: join(folder, 'tocsin.yaml'),
    env: {},
    clock: clock.now,
    timers: clock,
    random: () => 0.5,
    threads: 'one',
    log: { write: () => undefined },
    owner: 'test',
    version: '0',
  })
  running.push(app)
  const { http, inputs } = await app.start()
  const get = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${http.port}${path}`, { headers: AUTHORISED })).text()
  const episodes = async (query = '') => {
    const text = await get(`/api/v1/episodes${query}`)
    return (JSON.parse(text) as { items: Record<string, unknown>[] }).items
  }
  const ask = <Row>(sql: string): Row[] => {
    const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
    try {
      return (database.prepare(sql).all() as Row[]).map((row) => ({ ...row }))
    } finally {
      database.close()
    }
  }
  const commits = (): number => ask<{ n: number }>('SELECT next_no AS n FROM shard')[0]!.n
  /** Errors of a host at these seconds after the start; resolves when they were evaluated. */
  const send = async (host: string, seconds: readonly number[], text = 'error'): Promise<void> => {
    const before = commits()
    const records = seconds.map((second) =>
      gelf(text, { host, timestamp: (START_MS + second * SECOND_MS) / 1_000 }),
    )
    expect(await postGelf(inputs[0]!.port, records.join('\n'))).toBe(202)
    await waitFor('a commit', () => commits() > before || undefined)
  }
  /** So many seconds pass, with traffic that matches nothing. */
  const pass = async (seconds: number): Promise<void> => {
    clock.advance(seconds * SECOND_MS)
    await send('alive', [(clock.now() - START_MS) / SECOND_MS], 'fine')
  }
  return {
    app,
    ask,
    get,
    pass,
    send,
    episodes,
    /** Others are long past it when the host delivers; a minute later it is complete. */
    async backlog(): Promise<void> {
      await pass(1)
      await send('cut-off', [0, 10, 20, 30, 40])
      await pass(59)
      expect(ask('SELECT id FROM recompute')).toEqual([])
      await pass(2)
    },
    /** Between the commit that asks for a recompute and the one that answers it. */
    async whenAsked(act: () => void): Promise<void> {
      while (ask('SELECT id FROM recompute').length === 0) {
        await new Promise((resolve) => void setImmediate(resolve))
      }
      act()
    },
    oldNews: (count = 1) =>
      waitFor('old news', async () => {
        const found = await episodes('?disposition=old_news')
        return found.length >= count ? found : undefined
      }),
  }
}
