/**
 * A second process on the same folder waits, takes over when the first is killed, evaluates what
 * the first had accepted, and nothing is lost or doubled (design §4.1: claim and epoch).
 */
import { rmSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'

import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = serviceFolder({
  'tocsin.yaml': `
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0" }
http: { listen: "127.0.0.1:0" }
`,
  'rules/all.yaml': `
rule: by-sender
title: Every sender
severity: high
where: _exists_:sender
group_by: [sender]
threshold: { at_least: 40, within: 10m }
---
slo: answers
service: web
objective: 99%
total: _exists_:sender
bad: sender:nobody
`,
})
let services: RunningService[] = []

afterAll(async () => {
  await Promise.all(services.map((service) => service.stop('SIGKILL')))
  rmSync(folder, { recursive: true, force: true })
})

it('takes over from a process that was killed, with its windows and without a double', async () => {
  const first = await startService(folder)
  services = [first]
  const taken = startService(folder, {}, ['--standby', '--takeover-after', '4s'])
  // Thirty of forty: the window is half full when the owner dies.
  for (let i = 0; i < 30; i++) await send(first, i)
  await waitFor('the first thirty', async () => ((await counted(first)) >= 30 ? true : undefined))
  for (let i = 30; i < 35; i++) await send(first, i)
  await first.stop('SIGKILL')

  const second = await taken
  services = [second]
  await waitFor('what the first had accepted', async () =>
    (await counted(second)) >= 35 ? true : undefined,
  )
  expect(await counted(second)).toBe(35)
  expect(await incidents(second)).toBe(0)
  for (let i = 35; i < 40; i++) await send(second, i)
  await waitFor('the incident', async () => ((await incidents(second)) > 0 ? true : undefined))
  expect(await counted(second)).toBe(40)
  expect(await incidents(second)).toBe(1)
  expect(second.log.some(({ occurrence }) => occurrence === 'core.invariant_broken')).toBe(false)
  expect(await second.stop()).toBe(0)
  services = []
})

async function send(service: RunningService, i: number): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${service.ports['web']}/gelf`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: '1.1', host: 'h', short_message: `m${i}`, _sender: 's' }),
  })
  expect(answer.status).toBe(202)
}

async function counted(service: RunningService): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics/slo`)).text()
  return Number(/outcome="good"\} (\d+)/.exec(text)?.[1] ?? 0)
}

async function incidents(service: RunningService): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text()
  return Number(/^tocsin_incidents_total\{.*\} (\d+)/m.exec(text)?.[1] ?? 0)
}
