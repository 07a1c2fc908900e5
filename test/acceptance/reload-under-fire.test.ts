/**
 * Reloads under load, each of another kind, some of them cut by `kill -9` in the middle of the swap:
 * what was accepted was evaluated once, and no episode is missing or doubled (I4, I5, I8). CI plays
 * a dozen; `TOCSIN_RELOADS=50` is the whole of it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { eachJournalled } from '../support/each-journalled.ts'
import { startFire } from '../support/fire-sender.ts'
import type { RunningFire } from '../support/fire-sender.ts'
import { HTTP_CONFIG } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { episodesOf } from './naive-threshold.ts'

const RELOADS = Number(process.env['TOCSIN_RELOADS'] ?? 12)
/** Every so many reloads the service is killed within the swap. */
const KILL_EVERY = 4
const FIRE = { senders: 8, batch: 250, recordsPerSecond: 20_000 }
/** On a busy machine a start, a rebuild and what has piled up meanwhile take their time. */
const LIMIT_MS = 240_000 + RELOADS * 15_000

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0", reorder: 1s, idle_after: 5s }
${HTTP_CONFIG}
`

/** A kind of edit each, in this order. Lists are no feature of rules yet: labels stand in. */
const KINDS = ['title', 'window', 'severity', 'labels', 'add', 'threshold', 'delete'] as const

/** What the rules say at one time; a reload changes one of it. */
interface Text {
  title: number
  severity: string
  team: number
  atLeast: number
  withinS: number
  /** Rules that come and go; a name is never used twice. */
  extra: number[]
}

/** Of `bursts`, which edits never change in what it means. */
const BURST = { atLeast: 3, withinMs: 2_000, quietMs: 2_000 }

let folder: string
let service: RunningService | undefined
let fire: RunningFire | undefined
const text: Text = { title: 0, severity: 'high', team: 0, atLeast: 5, withinS: 6, extra: [0] }

beforeAll(() => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': rules() })
})

afterAll(async () => {
  await fire?.end()
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it(
  `loses and doubles nothing over ${RELOADS} reloads and the kills within them`,
  async () => {
    fire = startFire(FIRE)
    await start()
    await waitFor('load', async () => (await sloCounts()).good > 0 || undefined)
    for (let nth = 1; nth <= RELOADS; nth++) await reload(nth)
    const { accepted, recordsPerSecond } = await fire.end()
    fire = undefined
    process.stderr.write(`${Math.round(recordsPerSecond)} records/s while the service ran\n`)

    const { total, senders, batches } = readJournal()
    for (const { seen } of batches.values()) expect(seen).toBe(FIRE.batch)
    expect(accepted.filter((ref) => !batches.has(ref))).toEqual([])
    expect(accepted.length).toBeGreaterThan(RELOADS)

    const expected = { good: total - batches.size, bad: batches.size }
    await waitFor('everything to be evaluated', async () => {
      const { good, bad } = await sloCounts()
      return good + bad >= total || undefined
    })
    expect(await sloCounts()).toEqual(expected)
    const isBroken = ({ occurrence }: Readonly<Record<string, unknown>>): boolean =>
      occurrence === 'core.invariant_broken' || occurrence === 'core.replay_differs'
    expect(service!.log.filter(isBroken)).toEqual([])
    await service!.stop()
    service = undefined
    checkEpisodes(senders)
  },
  LIMIT_MS,
)

async function start(): Promise<void> {
  service = await startService(folder)
  fire!.aim(service.ports['web']!)
}

async function reload(nth: number): Promise<void> {
  edit(KINDS[nth % KINDS.length]!, nth)
  writeFileSync(join(folder, 'rules', 'all.yaml'), rules())
  const seen = (name: string): number =>
    service!.log.filter(({ occurrence }) => occurrence === name).length
  const next = (name: string): (() => Promise<true>) => {
    const before = seen(name)
    return () => waitFor(`${name} of reload ${nth}`, () => seen(name) > before || undefined)
  }
  const [reloaded, activated] = [next('config.reloaded'), next('rules.activated')]
  service!.signal('SIGHUP')
  if (nth % KILL_EVERY !== 0) {
    await activated()
    return
  }
  // While the rules are read or prepared, or around the commit that the new ones begin with.
  const place = (nth / KILL_EVERY) % 3
  if (place === 1) await reloaded()
  if (place === 2) await activated()
  await new Promise((resolve) => void setTimeout(resolve, (nth * 7) % 60))
  await service!.stop('SIGKILL')
  fire!.aim(null)
  await start()
}

function edit(kind: (typeof KINDS)[number], nth: number): void {
  if (kind === 'title') text.title++
  else if (kind === 'window') text.withinS = 4 + (nth % 5)
  else if (kind === 'severity') text.severity = text.severity === 'high' ? 'medium' : 'high'
  else if (kind === 'labels') text.team++
  else if (kind === 'threshold') text.atLeast = 5 + (nth % 4)
  else if (kind === 'delete') text.extra.shift()
  else text.extra.push(nth)
}

function rules(): string {
  const { title, severity, team, atLeast, withinS, extra } = text
  const each = 'from: [web]\ngroup_by: [sender]\nlate_by: 1s'
  const texts = `title: Edited ${title} times\nseverity: ${severity}\nlabels: { team: t${team} }`
  const { atLeast: burst, withinMs } = BURST
  const documents = [
    `rule: steady\n${each}\nwhere: _exists_:sender\nmatch: {}\nclear: { quiet_for: 30m }`,
    `rule: bursts\n${texts}\n${each}\nwhere: "nth:0"\n` +
      `threshold: { at_least: ${burst}, within: ${withinMs}ms }`,
    `rule: edited\n${each}\nwhere: "nth:1"\n` +
      `threshold: { at_least: ${atLeast}, within: ${withinS}s }\nclear: { quiet_for: 30m }`,
    `slo: answers\nservice: web\nobjective: 99%\nfrom: [web]\ntotal: _exists_:sender\nbad: "nth:0"`,
    ...extra.map((name) => `rule: extra-${name}\n${each}\nwhere: "nth:2"\nmatch: {}`),
  ]
  return documents.join('\n---\n')
}

/** What one sender got into the journal. */
interface Sent {
  count: number
  firstMs: number
  lastMs: number
  /** Of the first record of each batch. */
  readonly burstMs: number[]
}

interface SentRecord {
  readonly _sender: string
  readonly _ref: string
  readonly _nth: number
}

/** All that was accepted, read the plain way. */
function readJournal() {
  const senders = new Map<string, Sent>()
  const batches = new Map<string, { seen: number }>()
  let total = 0
  eachJournalled(folder, (record, receivedMs) => {
    total++
    const { _sender: name, _ref: ref, _nth: nth } = record as SentRecord
    const sent = senders.get(name) ?? { count: 0, firstMs: Infinity, lastMs: 0, burstMs: [] }
    senders.set(name, sent)
    sent.count++
    sent.firstMs = Math.min(sent.firstMs, receivedMs)
    sent.lastMs = Math.max(sent.lastMs, receivedMs)
    if (nth === 0) sent.burstMs.push(receivedMs)
    const batch = batches.get(ref) ?? { seen: 0 }
    batches.set(ref, batch)
    // A record that came twice, or in another order, would break the count.
    if (batch.seen === nth) batch.seen++
    else batch.seen = -Infinity
  })
  return { total, senders, batches }
}

function checkEpisodes(senders: ReadonlyMap<string, Sent>): void {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  const ask = (sql: string): Record<string, unknown>[] => database.prepare(sql).all()
  const episodes = (rule: string): Record<string, unknown>[] =>
    ask(
      `SELECT json_extract(group_json, '$.sender') AS sender, start_ms AS startMs,
         end_ms AS endMs, matches, firings FROM episode
       WHERE rule_id = '${rule}' AND merged_into IS NULL ORDER BY 1, 2`,
    )
  const names = [...senders.keys()].sort()
  expect(names).toHaveLength(FIRE.senders)
  // A rule that no edit touched counted every record of each sender in one episode.
  expect(episodes('steady')).toEqual(
    names.map((sender) => {
      const { firstMs: startMs, lastMs: endMs, count } = senders.get(sender)!
      return { sender, startMs, endMs, matches: count, firings: count }
    }),
  )
  // One whose texts were edited has an episode for every time that the service was there.
  expect(episodes('bursts')).toEqual(
    names.flatMap((sender) =>
      episodesOf(senders.get(sender)!.burstMs, BURST).map((episode) => ({ sender, ...episode })),
    ),
  )
  // One incident per group and cause, also of the rules that were edited all the time: none of
  // them closes by itself.
  const opened = ask(
    `SELECT rule_id AS rule, count(*) AS n, count(DISTINCT group_json) AS groups FROM incident
     GROUP BY rule_id`,
  )
  for (const { rule, n, groups } of opened) expect({ rule, n }).toEqual({ rule, n: groups })
  for (const rule of ['steady', 'edited', 'bursts']) {
    expect(opened).toContainEqual({ rule, n: FIRE.senders, groups: FIRE.senders })
  }
  const overlapping = ask(
    `SELECT a.id FROM episode a JOIN episode b ON a.rule_id = b.rule_id
       AND a.group_key = b.group_key AND a.id < b.id AND a.start_ms <= b.end_ms
       AND b.start_ms <= a.end_ms WHERE a.merged_into IS NULL AND b.merged_into IS NULL`,
  )
  expect(overlapping).toEqual([])
  database.close()
}

async function sloCounts(): Promise<{ good: number; bad: number }> {
  const page = await (await fetch(`${service!.url}/metrics/slo`)).text()
  const value = (outcome: string): number => {
    const line = page.split('\n').find((each) => each.includes(`outcome="${outcome}"`))
    return Number(line?.split(' ').at(-1) ?? 0)
  }
  return { good: value('good'), bad: value('bad') }
}
