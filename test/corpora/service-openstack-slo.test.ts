/**
 * The availability of OpenStack's API in a real log, counted by the running service: exact on
 * `/metrics/slo` and per minute, also when it is killed in the middle.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { corpus } from './corpus.ts'

const CONFIG = `
inputs:
  - { name: openstack, type: gelf-http, listen: "127.0.0.1:0" }
http: { listen: "127.0.0.1:0" }
`
const OBJECTIVE = `
slo: nova-api
title: Nova's API answers
service: nova
objective: 99%
from: [openstack]
total: _exists_:http_status
bad: http_status:>=400
`

interface Sli {
  readonly rule_id: string
  readonly expected: {
    readonly total: number
    readonly bad_status_ge_400: number
    readonly per_minute: readonly { readonly minute: number; total: number; bad: number }[]
  }
}

const { total, bad_status_ge_400: bad, per_minute } = sli()
const records = readFileSync(corpus('loghub/OpenStack/OpenStack_2k.gelf.jsonl'), 'utf8')
  .trim()
  .split('\n')

let folder: string
let service: RunningService | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it.each([
  ['as soon as the first half is accepted', undefined],
  ['when the first half is counted', 'counted'],
])('counts every request once over a kill %s', async (_, when) => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/slo.yaml': OBJECTIVE })
  const half = records.length / 2
  const first = await start()
  await send(first, records.slice(0, half))
  if (when === 'counted') {
    const requests = records.slice(0, half).filter((record) => record.includes('"_http_status"'))
    await counted(first, requests.length)
  }
  await first.stop('SIGKILL')

  const second = await start()
  await send(second, records.slice(half))
  expect(await counted(second, total)).toEqual({ good: total - bad, bad })
  expect({ total, bad }).toEqual({ total: 1_017, bad: 41 })

  // A clean restart runs the log again and must not count again.
  await second.stop()
  const third = await start()
  expect(await counts(third)).toEqual({ good: total - bad, bad })
  await third.stop()
  expect(minutes()).toEqual(per_minute.map((row) => ({ total: row.total, bad: row.bad })))
})

async function start(): Promise<RunningService> {
  service = await startService(folder)
  return service
}

async function send(running: RunningService, half: readonly string[]): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${running.ports['openstack']}/gelf`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: half.join('\n'),
  })
  expect(answer.status).toBe(202)
}

type Counts = Readonly<Record<'good' | 'bad', number>>

function counted(running: RunningService, requests: number): Promise<Counts> {
  return waitFor(`${requests} requests to be counted`, async () => {
    const now = await counts(running)
    return now.good + now.bad >= requests ? now : undefined
  })
}

async function counts(running: RunningService): Promise<Counts> {
  const text = await (await fetch(`${running.url}/metrics/slo`)).text()
  const value = (outcome: string): number => {
    const name = `tocsin_slo_events_total{slo="nova-api",service="nova",outcome="${outcome}"} `
    const line = text.split('\n').find((each) => each.startsWith(name))
    if (line === undefined) throw new Error(`no line ${name}in ${text}`)
    return Number(line.slice(name.length))
  }
  return { good: value('good'), bad: value('bad') }
}

/** What the database holds, minute by minute of event time. */
function minutes(): { total: number; bad: number }[] {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  const rows = database
    .prepare(
      'SELECT sum(total) AS total, sum(bad) AS bad FROM slo_minute GROUP BY minute_ms ORDER BY minute_ms',
    )
    .all() as { total: number; bad: number }[]
  database.close()
  return rows.map(({ total: all, bad: wrong }) => ({ total: all, bad: wrong }))
}

function sli(): Sli['expected'] {
  const text = readFileSync(corpus('loghub/OpenStack/expected.json'), 'utf8')
  const { rules } = JSON.parse(text) as { rules: Sli[] }
  return rules.find(({ rule_id }) => rule_id === 'sli-api')!.expected
}
