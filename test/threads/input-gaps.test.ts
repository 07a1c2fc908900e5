/** What cannot come because nobody listens or nobody is connected, and an input that is silent. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { databaseFile } from '../../src/threads/thread-settings.ts'
import { gelf } from '../ingest/memory-sink.ts'
import { OneThreadService } from '../support/one-thread-service.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)
const MINUTE = 60_000
const input = { ...DEFAULT_TIMING, labels: {}, silentAfterMs: 5 * MINUTE }

let data: string
let services: OneThreadService[] = []
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'tocsin-input-gaps-'))
})
afterEach(async () => {
  for (const service of services) await service.stop()
  services = []
  rmSync(data, { recursive: true, force: true })
})

function sourceWith(silentAfterMs: number | undefined): RulesetSource {
  const { silentAfterMs: _, ...quiet } = input
  const of = silentAfterMs === undefined ? quiet : { ...quiet, silentAfterMs }
  return { documents: [], inputs: { web: of, syslog: of }, fields: {} }
}

async function start(atMs: number, silentAfterMs?: number): Promise<OneThreadService> {
  const source = sourceWith(silentAfterMs)
  const service = new OneThreadService({ data, source, startMs: atMs })
  await service.start()
  await service.second()
  services = [service]
  return service
}

async function stop(service: OneThreadService): Promise<number> {
  services = []
  await service.stop()
  return service.clock.now()
}

/** Lets time pass as a service sees it, second by second. */
async function pass(service: OneThreadService, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) await service.second()
}

function rows(sql: string): unknown[][] {
  const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
  const found = database
    .prepare(sql)
    .all()
    .map((row) => Object.values(row))
  database.close()
  return found
}

const gaps = (reason: string): unknown[][] =>
  rows(
    `SELECT partition, from_ms, to_ms FROM gap WHERE reason = '${reason}' ORDER BY partition, seq`,
  )
const incidents = (): unknown[][] =>
  rows('SELECT title, group_json, signal FROM incident ORDER BY number')

it('says for each input that nobody listened, and opens one incident when it was long', async () => {
  const stoppedMs = await stop(await start(START_MS, 5 * MINUTE))
  const second = await start(stoppedMs + 5 * MINUTE, 5 * MINUTE)
  await waitFor('the gaps', () => (gaps('down').length === 2 ? true : undefined))
  const [fromMs, toMs] = [stoppedMs, stoppedMs + 5 * MINUTE]
  expect(gaps('down')).toEqual([
    ['syslog@2', fromMs, toMs],
    ['web@2', fromMs, toMs],
  ])
  expect(incidents()).toEqual([['Tocsin was down', '{}', 'clear']])
  expect(second.found('input.gap').map(({ labels }) => labels)).toEqual(
    ['web', 'syslog'].map((name) => ({ input: name, reason: 'down' })),
  )
  expect(second.found('input.gap_time').map(({ count }) => count)).toEqual([300, 300])
})

it.each([
  { what: 'a hand-over', awayMs: 900, found: 0 },
  { what: 'a restart', awayMs: 20_000, found: 2 },
])('makes no incident of $what', async ({ awayMs, found }) => {
  const stoppedMs = await stop(await start(START_MS, 5 * MINUTE))
  await start(stoppedMs + awayMs, 5 * MINUTE)
  expect(gaps('down')).toHaveLength(found)
  expect(incidents()).toEqual([])
})

it('says that no sender is connected, from when to when', async () => {
  const service = await start(START_MS)
  await service.send('syslog', [gelf('one')])
  await service.cutOff()
  const fromMs = service.clock.now()
  await pass(service, 3_000)
  await waitFor('the open gap', () => (gaps('disconnected').length > 0 ? true : undefined))
  expect(gaps('disconnected')).toEqual([['syslog@1', fromMs, null]])
  await service.send('syslog', [gelf('two')])
  expect(gaps('disconnected')).toEqual([['syslog@1', fromMs, service.clock.now()]])
  expect(service.found('input.gap')).toHaveLength(1)
  // One that connects anew at once is not worth a word.
  await service.cutOff()
  await service.send('syslog', [gelf('three')])
  await pass(service, 3_000)
  expect(gaps('disconnected')).toHaveLength(1)
})

it('waits after a start for the sender that was there before', async () => {
  const first = await start(START_MS)
  await first.send('syslog', [gelf('one')])
  const stoppedMs = await stop(first)
  const second = await start(stoppedMs + 10_000)
  await pass(second, 3_000)
  expect(gaps('disconnected')).toEqual([['syslog@2', stoppedMs + 10_000, null]])
})

it.each([
  { how: 'over HTTP', name: 'web', isCut: false },
  { how: 'over a connection that stays', name: 'syslog', isCut: false },
  { how: 'over a connection that ends', name: 'syslog', isCut: true },
] as const)(
  'opens one incident about an input that is silent $how, also over a restart',
  async ({ name, isCut }) => {
    const first = await start(START_MS, 30_000)
    await first.send(name, [gelf('one')])
    if (isCut) await first.cutOff()
    await pass(first, 29_000)
    expect(incidents()).toEqual([])
    await pass(first, 40_000)
    const silent = (signal: string) => [
      'An input is silent',
      JSON.stringify({ input: name }),
      signal,
    ]
    await waitFor('the incident', () => (incidents().length > 0 ? true : undefined))
    expect(incidents()).toEqual([silent('firing')])

    const second = await start((await stop(first)) + 500, 30_000)
    await pass(second, 40_000)
    expect(incidents()).toEqual([silent('firing')])
    expect(rows('SELECT count(*) FROM episode')).toEqual([[1]])

    await second.send(name, [gelf('two')])
    await pass(second, 2_000)
    await waitFor('its end', () => (incidents()[0]?.[2] === 'clear' ? true : undefined))
    expect(incidents()).toEqual([silent('clear')])
    // The next silence is another episode.
    await pass(second, 40_000)
    await waitFor('the next', () => (rows('SELECT id FROM episode').length > 1 ? true : undefined))
  },
)

it('says nothing about an input that never had a record, or whose silence nobody asked about', async () => {
  const service = await start(START_MS)
  await service.send('web', [gelf('one')])
  await pass(service, 90_000)
  expect(incidents()).toEqual([])
})
