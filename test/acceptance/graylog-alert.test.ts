/** A notification of Graylog opens one incident, by the rule that is shipped. */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { HTTP_CONFIG, incidents } from '../support/service-api.ts'
import { waitFor } from '../support/wait-for.ts'

const KEY = 'a key of eight or more'
const CONFIG = `
inputs:
  - { name: graylog-events, type: graylog-webhook, listen: "127.0.0.1:0", token: "${KEY}" }
${HTTP_CONFIG}`

let folder: string
let service: RunningService

beforeAll(async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG })
  const shipped = join(import.meta.dirname, '../../deploy/graylog/graylog-alert.yaml')
  mkdirSync(join(folder, 'rules'))
  copyFileSync(shipped, join(folder, 'rules', 'graylog-alert.yaml'))
  service = await startService(folder)
})

afterAll(async () => {
  await service.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it('however often Graylog sends one thing, and not for its test button', async () => {
  expect(await notify({}, 'test-dummy-v1')).toBe(200)
  for (const id of ['01A', '01B', '01C']) expect(await notify({ id })).toBe(200)
  expect(await notify({ key: 'bob', origin_context: 'urn:graylog:message:es:i:m2' })).toBe(200)
  const titles = await waitFor('two incidents', async () => {
    const found = await incidents(service.url)
    return found.length >= 2 ? found.map(({ title }) => title) : undefined
  })
  expect(titles).toEqual(['Graylog raised an alert', 'Graylog raised an alert'])
})

async function notify(event: object, type = 'aggregation-v1'): Promise<number> {
  const body = {
    event_definition_id: 'definition-1',
    event_definition_type: type,
    event_definition_title: 'Failed logins',
    event: {
      id: '01A',
      origin_context: 'urn:graylog:message:es:graylog_0:m1',
      timestamp: new Date().toISOString(),
      message: 'login failed for alice',
      source: 'graylog',
      key: 'alice',
      priority: 2,
      fields: {},
      ...event,
    },
    backlog: [],
  }
  const address = `http://127.0.0.1:${service.ports['graylog-events']}/graylog`
  const headers = { 'x-tocsin-key': KEY }
  return (await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) })).status
}
