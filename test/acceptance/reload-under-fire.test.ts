/**
 * Fifty reloads under load, each of another kind, some of them cut by `kill -9` in the middle of the
 * swap: what was accepted was evaluated once, and no incident is missing or doubled (I4, I5, I8).
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { journalled } from '../support/journalled.ts'
import { HTTP_CONFIG } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const RELOADS = 50
/** Every so many reloads the service is killed within the swap. */
const KILL_EVERY = 8
const SENDERS = 4
const BATCH = 100
/** Between two posts of a sender, so that a small machine keeps up with what it accepts. */
const PAUSE_MS = 20
const LIMIT_MS = 300_000

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0", reorder: 1s, idle_after: 5s }
${HTTP_CONFIG}
`

/** What the rules say at one time; a reload changes one of it. */
interface Text {
  title: number
  atLeast: number
  withinS: number
  /** Rules that come and go; a name is never used twice. */
  extra: number[]
}

let folder: string
let service: RunningService | undefined
const text: Text = { title: 0, atLeast: 5, withinS: 6, extra: [0] }

beforeAll(() => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': rules() })
})

afterAll(async () => {
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it(
  'loses and doubles nothing over fifty reloads and the kills within them',
  async () => {
    const accepted = new Set<string>()
    const load = { isOn: true }
    service = await startService(folder)
    const senders = Array.from({ length: SENDERS }, (_, sender) =>
      keepSending(sender, load, accepted),
    )
    await waitFor('load', () => (accepted.size > 0 ? true : undefined))

    for (let nth = 1; nth <= RELOADS; nth++) {
      edit(nth)
      writeFileSync(join(folder, 'rules', 'all.yaml'), rules())
      const before = count('rules.activated')
      service.signal('SIGHUP')
      if (nth % KILL_EVERY === 0) {
        // Between reading the files and the commit that the new rules begin with, or just behind.
        await new Promise((resolve) => void setTimeout(resolve, (nth * 7) % 60))
        await service.stop('SIGKILL')
        service = await startService(folder)
      } else {
        await waitFor(`reload ${nth}`, () => (count('rules.activated') > before ? true : undefined))
      }
    }
    load.isOn = false
    await Promise.all(senders)

    const total = journalled<{ _ref: string; _nth: number; _sender: string }>(folder)
    const refs = new Set(total.map(({ _ref: ref, _nth: nth }) => `${ref} ${nth}`))
    expect(refs.size).toBe(total.length)
    expect(
      [...accepted].filter((ref) => !refs.has(`${ref} 0`) || !refs.has(`${ref} ${BATCH - 1}`)),
    ).toEqual([])
    expect(accepted.size).toBeGreaterThan(RELOADS)

    const bad = total.filter(({ _nth: nth }) => nth === 0).length
    const expected = { good: total.length - bad, bad }
    await waitFor('everything to be evaluated', async () => {
      const { good, bad: found } = await sloCounts(service!.url)
      return good + found >= total.length ? true : undefined
    })
    expect(await sloCounts(service.url)).toEqual(expected)
    const isBroken = ({ occurrence }: Readonly<Record<string, unknown>>): boolean =>
      occurrence === 'core.invariant_broken' || occurrence === 'core.replay_differs'
    expect(service.log.filter(isBroken)).toEqual([])
    await service.stop()
    service = undefined

    const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
    const ask = (sql: string): Record<string, unknown>[] => database.prepare(sql).all()
    // A rule that no edit touched counted every record of each sender in one episode.
    const steady = ask(
      `SELECT json_extract(group_json, '$.sender') AS sender, sum(matches) AS matches FROM episode
       WHERE rule_id = 'steady' AND merged_into IS NULL GROUP BY 1 ORDER BY 1`,
    )
    expect(steady).toEqual(
      Array.from({ length: SENDERS }, (_, sender) => ({
        sender: `s${sender}`,
        matches: total.filter((record) => record._sender === `s${sender}`).length,
      })),
    )
    // One incident per group and cause, also of the rule that was edited all the time.
    const opened = ask(
      `SELECT rule_id AS rule, count(*) AS n, count(DISTINCT group_json) AS groups FROM incident
       GROUP BY rule_id`,
    )
    for (const { rule, n, groups } of opened) expect({ rule, n }).toEqual({ rule, n: groups })
    for (const rule of ['steady', 'edited']) {
      expect(opened).toContainEqual({ rule, n: SENDERS, groups: SENDERS })
    }
    const overlapping = ask(
      `SELECT a.id FROM episode a JOIN episode b ON a.rule_id = b.rule_id
         AND a.group_key = b.group_key AND a.id < b.id AND a.start_ms <= b.end_ms
         AND b.start_ms <= a.end_ms WHERE a.merged_into IS NULL AND b.merged_into IS NULL`,
    )
    expect(overlapping).toEqual([])
    database.close()
  },
  LIMIT_MS,
)

/** One change of each kind after the other: title, threshold, window, delete, add. */
function edit(nth: number): void {
  switch (nth % 5) {
    case 0:
      text.title++
      break
    case 1:
      text.atLeast = 5 + (nth % 7)
      break
    case 2:
      text.withinS = 4 + (nth % 7)
      break
    case 3:
      text.extra.shift()
      break
    default:
      text.extra.push(nth)
  }
}

function rules(): string {
  const { title, atLeast, withinS, extra } = text
  const each = 'from: [web]\nwhere: _exists_:sender\ngroup_by: [sender]\nlate_by: 1s'
  const documents = [
    `rule: steady\n${each}\nmatch: {}\nclear: { quiet_for: 10m }`,
    `rule: edited\ntitle: Edited ${title} times\n${each}\n` +
      `threshold: { at_least: ${atLeast}, within: ${withinS}s }`,
    `slo: answers\nservice: web\nobjective: 99%\nfrom: [web]\ntotal: _exists_:sender\nbad: "nth:0"`,
    ...extra.map((name) => `rule: extra-${name}\n${each}\nmatch: {}`),
  ]
  return documents.join('\n---\n')
}

/** Posts batches, one after the other, while the load is on; what was answered 202 is accepted. */
async function keepSending(
  sender: number,
  load: { readonly isOn: boolean },
  accepted: Set<string>,
): Promise<void> {
  for (let batch = 0; load.isOn; batch++) {
    const ref = `${sender}-${batch}`
    const record = `{"version":"1.1","host":"web","short_message":"m","_sender":"s${sender}","_ref":"${ref}","_nth":`
    const body = Array.from({ length: BATCH }, (_, nth) => `${record}${nth}}`).join('\n')
    try {
      const port = service?.ports['web'] ?? 0
      const answer = await fetch(`http://127.0.0.1:${port}/gelf`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
      })
      await answer.arrayBuffer()
      if (answer.status === 202) accepted.add(ref)
      await new Promise((resolve) => void setTimeout(resolve, PAUSE_MS))
    } catch {
      // Killed: the batch may be in the journal or not, nobody was told.
      await new Promise((resolve) => void setTimeout(resolve, 20))
    }
  }
}

function count(occurrence: string): number {
  return service!.log.filter((line) => line['occurrence'] === occurrence).length
}

async function sloCounts(url: string): Promise<{ good: number; bad: number }> {
  const page = await (await fetch(`${url}/metrics/slo`)).text()
  const value = (outcome: string): number => {
    const line = page.split('\n').find((each) => each.includes(`outcome="${outcome}"`))
    return Number(line?.split(' ').at(-1) ?? 0)
  }
  return { good: value('good'), bad: value('bad') }
}
