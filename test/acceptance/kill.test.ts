/**
 * Twenty times `kill -9` under HTTP load: what was accepted is in the journal and was evaluated
 * once, no incident is missing or doubled, and a webhook keeps its id over all attempts (P2, P6).
 * A request whose answer was lost is sent again under its `Idempotency-Key` and taken once.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { journalled } from '../support/journalled.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'
import type { WebhookReceiver } from '../support/webhook-receiver.ts'

const CYCLES = 20
/** Twenty starts take long where other suites run beside this one. */
const LIMIT_MS = 300_000
const SENDERS = 4
const BATCH = 20
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0" }
receivers:
  - name: oncall
    webhook: { url: "http://127.0.0.1:\${RECEIVER_PORT}/", secret: "${SECRET}" }
    allow: { http: true, addresses: [127.0.0.0/8], ports: ["\${RECEIVER_PORT}"] }
http: { listen: "127.0.0.1:0" }
`
const RULES = `
rule: every-event
title: Every event of a sender
severity: high
from: [web]
where: _exists_:sender
group_by: [sender]
match: {}
---
slo: answers
service: web
objective: 99%
from: [web]
total: _exists_:sender
bad: "nth:0"
`

let folder: string
let receiver: WebhookReceiver
let service: RunningService | undefined

beforeAll(async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': RULES })
  // Every third request is answered with an error, so that there are second attempts.
  receiver = await startWebhookReceiver(SECRET, (nth) => (nth % 3 === 0 ? 503 : 200))
})

afterAll(async () => {
  await service?.stop('SIGKILL')
  await receiver.close()
  rmSync(folder, { recursive: true, force: true })
})

it(
  'loses and doubles nothing that was accepted over twenty kills',
  async () => {
    const accepted = new Set<string>()
    let batch = 0
    const unanswered = new Map<number, { readonly key: string; readonly ids: readonly string[] }>()
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const running = await start()
      const load = Array.from({ length: SENDERS }, async (_, sender) => {
        while (true) {
          const request = unanswered.get(sender) ?? {
            key: `${sender}-${batch}`,
            ids: Array.from({ length: BATCH }, (_each, nth) => `${sender}-${batch}-${nth}`),
          }
          const { key, ids } = request
          unanswered.set(sender, request)
          batch++
          const body = ids.map((id, nth) => JSON.stringify(message(id, sender, nth))).join('\n')
          try {
            const answer = await fetch(`http://127.0.0.1:${running.ports['web']}/gelf`, {
              method: 'POST',
              headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
              body,
            })
            if (answer.status !== 202) continue
            for (const id of ids) accepted.add(id)
            unanswered.delete(sender)
          } catch {
            return
          }
        }
      })
      const before = accepted.size
      await waitFor('accepted messages', () => (accepted.size > before ? true : undefined))
      await new Promise((resolve) => void setTimeout(resolve, 50 + ((cycle * 37) % 300)))
      await running.stop('SIGKILL')
      await Promise.all(load)
    }

    const last = await start()
    const total = journalled<Record<'_ref' | '_sender', string> & { _nth: number }>(folder).map(
      ({ _ref: ref, _sender: sender, _nth: nth }): Journalled => ({ ref, sender, nth }),
    )
    expect(accepted.size).toBeGreaterThan(CYCLES * BATCH)
    expect(missing(accepted, total)).toEqual([])

    await waitFor('everything to be evaluated', async () => {
      const counts = await sloCounts(last.url)
      return counts.good + counts.bad >= total.length ? counts : undefined
    })
    const { good, bad } = await sloCounts(last.url)
    expect({ good, bad }).toEqual({
      good: total.filter(({ nth }) => nth !== 0).length,
      bad: total.filter(({ nth }) => nth === 0).length,
    })
    await waitFor('every webhook to be delivered', () => (pending(folder) === 0 ? true : undefined))
    await last.stop()
    service = undefined

    const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
    const episodes = database
      .prepare(
        'SELECT group_key AS grp, sum(matches) AS matches, count(*) AS n FROM episode GROUP BY group_key',
      )
      .all() as { grp: string; matches: number; n: number }[]
    expect(episodes.length).toBe(SENDERS)
    for (const { grp, matches, n } of episodes) {
      const [sender] = JSON.parse(grp) as [string]
      expect({ n, matches }).toEqual({
        n: 1,
        matches: total.filter((record) => record.sender === sender).length,
      })
    }
    const { incidents } = database.prepare('SELECT count(*) AS incidents FROM incident').get() as {
      incidents: number
    }
    expect(incidents).toBe(SENDERS)
    database.close()

    const bodies = new Map<string, string>()
    for (const { id, body } of receiver.received) {
      expect(bodies.get(id) ?? body).toBe(body)
      bodies.set(id, body)
    }
    expect(receiver.rejected).toEqual([])
    const started = [...bodies.values()].filter((body) => body.includes('identification.started'))
    expect(started.length).toBe(SENDERS)
    expect(receiver.received.length).toBeGreaterThan(bodies.size)
  },
  LIMIT_MS,
)

async function start(): Promise<RunningService> {
  service = await startService(folder, { RECEIVER_PORT: String(receiver.port) })
  return service
}

function message(id: string, sender: number, nth: number): object {
  const short_message = `message ${id}`
  return { version: '1.1', host: 'web', short_message, _sender: `s${sender}`, _nth: nth, _ref: id }
}

interface Journalled {
  readonly ref: string
  readonly sender: string
  readonly nth: number
}

function missing(accepted: ReadonlySet<string>, total: readonly Journalled[]): string[] {
  const refs = new Set(total.map(({ ref }) => ref))
  expect(refs.size).toBe(total.length)
  return [...accepted].filter((id) => !refs.has(id))
}

async function sloCounts(url: string): Promise<{ good: number; bad: number }> {
  const text = await (await fetch(`${url}/metrics/slo`)).text()
  const value = (outcome: string): number => {
    const line = text.split('\n').find((each) => each.includes(`outcome="${outcome}"`))
    return Number(line?.split(' ').at(-1) ?? 0)
  }
  return { good: value('good'), bad: value('bad') }
}

function pending(of: string): number {
  const database = new DatabaseSync(join(of, 'data', 'tocsin.db'), { readOnly: true })
  const row = database.prepare("SELECT count(*) AS n FROM outbox WHERE state = 'pending'").get()
  database.close()
  return (row as { n: number }).n
}
