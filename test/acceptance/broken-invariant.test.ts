/**
 * What a service does when it contradicts its own log (I13): the first time it says so in an
 * incident and ends for a clean restart, the second time it goes on, with the rules concerned
 * marked until they are built anew or somebody vouches for them.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import type { BrokenBody } from '../../src/model/broken.ts'
import { runTocsin } from '../support/run-tocsin.ts'
import { api, HTTP_CONFIG, incidents, metric, TEST_TOKEN } from '../support/service-api.ts'
import { serviceFolder, serveToEnd, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0", reorder: 1s }
${HTTP_CONFIG}
`
const TITLE = 'Tocsin has contradicted itself'
/** Of \`serve\`: failed, and to be started again. */
const FAILED = 70

function ruleText(id: string, withinMin = 5): string {
  return `
rule: ${id}
where: _exists_:host_of_test
group_by: [host_of_test]
threshold: { at_least: 2, within: ${withinMin}m }
`
}

const folders: string[] = []
let service: RunningService | undefined
afterEach(async () => {
  await service?.stop('SIGKILL')
  service = undefined
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('ends at the first contradiction and goes on at the second, with the rule that it is about marked', async () => {
  const folder = await afterKill()
  contradict(folder, 'a')

  const first = await serveToEnd(folder)
  expect(first.code).toBe(FAILED)
  expect(first.err).toContain('answered otherwise than before (rules: a)')
  expect(
    stored(folder, "SELECT title, severity FROM incident WHERE rule_id LIKE 'tocsin:%'"),
  ).toEqual([{ title: TITLE, severity: 'high' }])

  const second = await start(folder)
  expect(second.log.filter(({ occurrence }) => occurrence === 'rules.unverified')).toHaveLength(1)
  const rules = await rulesOf(second)
  expect(rules.map(({ id, unverified }) => [id, unverified !== null])).toEqual([
    ['a', true],
    ['b', false],
  ])
  expect(rules[0]!.unverified!.cause).toContain('answered otherwise than before')
  expect(await metric(second.url, 'tocsin_rules_unverified')).toBe(1)
  expect(await readiness(second)).toMatchObject({
    ready: true,
    warnings: ['1 rule may be wrong: unverified'],
  })
  const list = await tocsin(second, 'rules', 'list')
  expect(list.out[0]).toMatch(/^a {2}medium {2}unverified since /)
  expect(list.out[1]).toMatch(/^b {2}medium {2}active /)
  const found = (await incidents(second.url)).filter(({ title }) => title === TITLE)
  expect(found.map(({ group }) => group)).toEqual([{ broken: 'replay', rules: 'a' }])
  // Detection was never down for it: it goes on where it was.
  await send(second, 'h')
  await waitFor('the event to count', async () => {
    const [rule] = await rulesOf(second)
    return (rule!.matches ?? 0) >= 1 || undefined
  })

  // Neither another start nor the next checkpoint makes anything of it again.
  await second.stop('SIGKILL')
  const third = await start(folder)
  expect((await rulesOf(third))[0]!.unverified).not.toBeNull()
  expect(third.log.filter(({ occurrence }) => occurrence === 'core.invariant_broken')).toEqual([])

  const confirmed = await tocsin(third, 'rules', 'confirm', 'a')
  expect(confirmed).toMatchObject({ code: 0, out: ['rule a is no longer unverified'] })
  expect(await tocsin(third, 'rules', 'confirm', 'a')).toMatchObject({
    code: 1,
    err: ['There is no unverified rule "a".'],
  })
  await waitFor('the mark to go', async () => {
    return (await metric(third.url, 'tocsin_rules_unverified')) === 0 || undefined
  })
  expect(await third.stop()).toBe(0)
  const fourth = await start(folder)
  expect((await rulesOf(fourth)).every(({ unverified }) => unverified === null)).toBe(true)
}, 300_000)

it('takes the mark off a rule whose windows are built anew by an edit, and no other', async () => {
  const folder = await afterKill()
  contradict(folder, 'a', 'b')
  expect((await serveToEnd(folder)).code).toBe(FAILED)
  const running = await start(folder)
  expect(await metric(running.url, 'tocsin_rules_unverified')).toBe(2)

  writeFileSync(join(folder, 'rules', 'b.yaml'), ruleText('b', 6))
  running.signal('SIGHUP')
  const marked = await waitFor('the edit', async () => {
    const rules = (await rulesOf(running)).filter(({ unverified }) => unverified !== null)
    return rules.length < 2 ? rules.map(({ id }) => id) : undefined
  })
  expect(marked).toEqual(['a'])
}, 300_000)

it('marks every rule when the log does not say which of them answered', async () => {
  const folder = await afterKill()
  write(
    folder,
    "UPDATE input_log SET effects_hash = 'other', rule_hashes = NULL WHERE kind = 'records'",
  )
  expect((await serveToEnd(folder)).code).toBe(FAILED)
  const running = await start(folder)
  expect(await metric(running.url, 'tocsin_rules_unverified')).toBe(2)
}, 300_000)

it('begins a rule anew whose saved windows cannot be read, and marks it', async () => {
  const folder = await afterKill()
  await (await start(folder)).stop()
  service = undefined
  // Its first checkpoint holds what the process before had counted.
  write(folder, "UPDATE checkpoint SET state = x'ff00ff' WHERE rule_id = 'a' AND length(state) > 0")

  const first = await serveToEnd(folder)
  expect(first.code).toBe(FAILED)
  expect(first.err).toContain('of the rule a')
  const second = await start(folder)
  const rules = await rulesOf(second)
  expect(rules.map(({ unverified }) => unverified !== null)).toEqual([true, false])
  // b has its windows still: one more event is its third.
  await send(second, 'h')
  await waitFor('the episode of b', async () => {
    const [row] = stored(folder, "SELECT value FROM episode WHERE rule_id = 'b'")
    return row?.['value'] === 3 || undefined
  })
  // What could not be read was written anew.
  expect(await second.stop()).toBe(0)
  const third = await start(folder)
  expect(third.log.filter(({ occurrence }) => occurrence === 'core.invariant_broken')).toEqual([])
}, 300_000)

it('begins all rules anew when the log cannot be run at all', async () => {
  const folder = await afterKill()
  const [row] = stored(folder, "SELECT body, no FROM input_log WHERE kind = 'records' LIMIT 1")
  const body = { ...(JSON.parse(String(row!['body'])) as object), partition: 7 }
  write(
    folder,
    `UPDATE input_log SET body = '${JSON.stringify(body)}' WHERE no = ${String(row!['no'])}`,
  )

  expect((await serveToEnd(folder)).code).toBe(FAILED)
  const second = await start(folder)
  expect(await metric(second.url, 'tocsin_rules_unverified')).toBe(2)
  await send(second, 'new')
  await send(second, 'new')
  await waitFor('an episode of each rule', () => {
    const rows = stored(folder, `SELECT rule_id FROM episode WHERE group_key = '["new"]'`)
    return rows.length === 2 || undefined
  })
  await waitFor('a checkpoint', () => isPastTheLog(folder, Number(row!['no'])) || undefined)
  await second.stop('SIGKILL')
  const third = await start(folder)
  expect(third.log.filter(({ occurrence }) => occurrence === 'core.invariant_broken')).toEqual([])
}, 300_000)

it('writes down what breaks while it works, and the next start takes up where the log ends', async () => {
  const folder = await afterKill()
  const refuse = `CREATE TRIGGER broken BEFORE INSERT ON episode WHEN NEW.group_key = '["new"]'
    BEGIN SELECT raise(ABORT, 'this cannot be'); END`
  alter(folder, refuse)
  const first = await start(folder)
  // Accepted, whatever becomes of it.
  for (let nth = 0; nth < 2; nth++) await send(first, 'new').catch(() => undefined)
  expect(await first.exited).toBe(FAILED)
  expect(first.errors()).toContain('this cannot be')
  const [incident] = stored(folder, "SELECT group_json FROM incident WHERE rule_id LIKE 'tocsin:%'")
  expect(JSON.parse(String(incident!['group_json']))).toEqual({ broken: 'work', rules: 'unknown' })

  alter(folder, 'DROP TRIGGER broken')
  const second = await start(folder)
  await send(second, 'new')
  await send(second, 'new')
  await waitFor('an episode of each rule', () => {
    const rows = stored(folder, `SELECT rule_id FROM episode WHERE group_key = '["new"]'`)
    return rows.length === 2 || undefined
  })
  expect(await metric(second.url, 'tocsin_rules_unverified')).toBe(0)
}, 300_000)

it('leaves out the records over which work failed twice, marks the rules that read them, and goes on', async () => {
  const folder = await afterKill()
  alter(
    folder,
    `CREATE TRIGGER broken BEFORE INSERT ON episode WHEN NEW.group_key = '["new"]'
     BEGIN SELECT raise(ABORT, 'this cannot be'); END`,
  )
  const first = await start(folder)
  await send(first, 'new')
  await waitFor('the first to be evaluated', () => evaluated(folder) === 3 || undefined)
  await send(first, 'new').catch(() => undefined)
  await send(first, 'other').catch(() => undefined)
  expect(await first.exited).toBe(FAILED)
  // Now slab by slab, so that it is known which it was.
  expect((await serveToEnd(folder)).code).toBe(FAILED)

  const third = await start(folder)
  await send(third, 'other')
  await send(third, 'other')
  await waitFor('an episode of each rule', () => {
    const rows = stored(folder, `SELECT rule_id FROM episode WHERE group_key = '["other"]'`)
    return rows.length === 2 || undefined
  })
  const rules = await rulesOf(third)
  expect(rules.every(({ unverified }) => unverified!.cause.includes('are left out'))).toBe(true)
  const said = stored(folder, "SELECT body FROM input_log WHERE kind = 'broken' ORDER BY no")
  const bodies = said.map(({ body }) => JSON.parse(String(body)) as BrokenBody)
  expect(bodies.map(({ what, count, isLive }) => [what, count, isLive])).toEqual([
    ['work', 0, false],
    ['work', 0, false],
    ['work', 1, true],
  ])

  await third.stop('SIGKILL')
  const fourth = await start(folder)
  const broken = fourth.log.filter(({ occurrence }) => occurrence === 'core.invariant_broken')
  expect(broken).toEqual([])
}, 300_000)

it('counts what another engine version answers otherwise, and goes live with what it says', async () => {
  const folder = await afterKill()
  contradict(folder, 'a')
  write(folder, "UPDATE input_log SET engine_version = 'older'")
  const running = await start(folder)
  const [said] = running.log.filter(({ occurrence }) => occurrence === 'core.replay_differs')
  expect(said).toMatchObject({ rules: 'a' })
  expect(await metric(running.url, 'tocsin_core_replay_differences_total')).toBe(1)
  expect(await metric(running.url, 'tocsin_rules_unverified')).toBe(0)
  expect((await incidents(running.url)).some(({ title }) => title === TITLE)).toBe(false)
}, 300_000)

/** A folder whose service has counted two events under two rules, and was killed. */
async function afterKill(): Promise<string> {
  const folder = serviceFolder({
    'tocsin.yaml': CONFIG,
    'rules/a.yaml': ruleText('a'),
    'rules/b.yaml': ruleText('b'),
  })
  folders.push(folder)
  mkdirSync(join(folder, 'data'), { recursive: true })
  const running = await start(folder)
  await send(running, 'h')
  await send(running, 'h')
  await waitFor('both episodes', () => {
    return stored(folder, 'SELECT id FROM episode').length === 2 || undefined
  })
  await running.stop('SIGKILL')
  service = undefined
  return folder
}

/** The log now says of the last slice that these rules told something else then. */
function contradict(folder: string, ...rules: readonly string[]): void {
  const changed = rules.map((rule) => `, '$.${rule}', 'other'`).join('')
  write(
    folder,
    `UPDATE input_log SET effects_hash = 'other', rule_hashes = json_set(rule_hashes${changed})
     WHERE no = (SELECT max(no) FROM input_log WHERE kind = 'records')`,
  )
}

/** Records, of all partitions. */
function evaluated(folder: string): number {
  return Number(stored(folder, 'SELECT sum(next) AS n FROM "partition"')[0]!['n'])
}

function isPastTheLog(folder: string, no: number): boolean {
  const [row] = stored(folder, 'SELECT checkpoint_next AS next FROM shard')
  return Number(row!['next']) > no
}

async function start(folder: string): Promise<RunningService> {
  service = await startService(folder)
  const { url } = service
  await waitFor('the first figures', async () => {
    return (await metric(url, 'tocsin_rules_loaded')) > 0 || undefined
  })
  return service
}

async function send(to: RunningService, host: string): Promise<void> {
  const record = { version: '1.1', host, short_message: 'm', _host_of_test: host }
  const answer = await fetch(`http://127.0.0.1:${to.ports['web']}/gelf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(record),
  })
  expect(answer.status).toBe(202)
}

interface ApiRule {
  readonly id: string
  readonly matches: number | null
  readonly unverified: { readonly sinceMs: number; readonly cause: string } | null
}

async function rulesOf({ url }: RunningService): Promise<readonly ApiRule[]> {
  return (await api<{ items: readonly ApiRule[] }>(url, 'rules')).items
}

async function readiness({ url }: RunningService): Promise<unknown> {
  return (await fetch(`${url}/health/ready`)).json()
}

function tocsin(to: RunningService, ...args: readonly string[]) {
  return runTocsin(...args, '--url', to.url, '--token', TEST_TOKEN)
}

function stored(folder: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  const rows = database.prepare(sql).all()
  database.close()
  return rows.map((row) => ({ ...row }))
}

function alter(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'))
  database.exec(sql)
  database.close()
}

function write(folder: string, sql: string): void {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'))
  const { changes } = database.prepare(sql).run()
  database.close()
  expect(changes).toBeGreaterThan(0)
}
