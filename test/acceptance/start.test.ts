/** A start that must not be: a broken configuration, a taken port, a second owner of the data. */
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

import { gelf, postGelf } from '../support/gelf-send.ts'
import { journalled } from '../support/journalled.ts'
import { everyEventRules, HTTP_CONFIG, incidents, sloEvents } from '../support/service-api.ts'
import { serveToEnd, serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const RULES = everyEventRules('web')
const folders: string[] = []
const services: RunningService[] = []

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop('SIGKILL')))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('a broken configuration is refused with file, line and the nearest key, every problem at once', async () => {
  const folder = folderOf(
    'data: data\nrules: [rules]\nrecievers: []\nhttp: { listen: "127.0.0.1:0", tokenz: [] }\n',
    RULES.replace('severity: high', 'severity: hihg'),
  )
  const { code, err } = await serveToEnd(folder)
  expect(code).toBe(2)
  expect(err).toMatch(/tocsin\.yaml:3:1: .*"recievers".*did you mean "receivers"/)
  expect(err).toMatch(/tocsin\.yaml:4:\d+: .*tokenz".*did you mean "tokens"/)
  expect(err).toContain('not started')
  expect(existsSync(join(folder, 'data'))).toBe(false)
})

it('a broken rule file is refused the same way', async () => {
  const folder = folderOf(config(0), RULES.replace('severity: high', 'severity: hihg'))
  const { code, err } = await serveToEnd(folder)
  expect(code).toBe(2)
  expect(err).toMatch(/all\.yaml:4:\d+: .*did you mean "high".*"hihg"/)
})

it('a taken port is named and nothing is left behind: the owner of the data goes on', async () => {
  const tcp = createServer()
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const udp = createSocket('udp4')
  udp.bind(0, '127.0.0.1')
  await once(udp, 'listening')
  const webPort = (tcp.address() as AddressInfo).port
  const inputs = `  - { name: dns, type: gelf-udp, listen: "127.0.0.1:${udp.address().port}" }\n`
  const folder = folderOf(config(0))
  const owner = await start(folder)
  const refused = await serveToEnd(
    folderOf(
      config(webPort, inputs).replace(
        'data: data',
        `data: ${JSON.stringify(join(folder, 'data'))}`,
      ),
    ),
  )
  tcp.close()
  udp.close()
  expect(refused.code).toBe(2)
  expect(refused.err).toContain(`input "web" cannot listen on 127.0.0.1:${webPort}: another`)
  expect(refused.err).toContain(`input "dns" cannot listen on 127.0.0.1:`)

  expect(await send(owner, 'still', 3)).toBe(202)
  await waitFor('its events', async () =>
    (await sloEvents(owner.url, 'all')) === 3 ? true : undefined,
  )
  expect(await owner.stop()).toBe(0)
})

it('a second owner of the data takes over: the first ends with 71, and nothing is lost or doubled', async () => {
  const folder = folderOf(config(0))
  const first = await start(folder)
  expect(await send(first, 'before', 5)).toBe(202)
  await waitFor('an incident', async () => (await incidents(first.url))[0])

  const second = await start(folder)
  let accepted = 5
  // The first takes what comes until it finds out; what it said 202 to is the second's to evaluate.
  for (let n = 0; n < 200; n++) {
    const status = await send(first, 'between', 5).catch(() => undefined)
    if (status !== 202) break
    accepted += 5
  }
  expect(await first.exited).toBe(71)
  expect(first.errors()).toContain('stopped:')
  expect(await send(second, 'after', 5)).toBe(202)
  accepted += 5

  const kept = journalled(folder).length
  expect(kept).toBeGreaterThanOrEqual(accepted)
  await waitFor('all of it to be evaluated', async () =>
    (await sloEvents(second.url, 'all')) >= kept ? true : undefined,
  )
  expect(await sloEvents(second.url, 'all')).toBe(kept)
  const groups = (await incidents(second.url)).map(({ group }) => group['sender'])
  expect(groups).toHaveLength(3)
  expect(new Set(groups)).toEqual(new Set(['after', 'before', 'between']))
  expect(await second.stop()).toBe(0)
})

function config(webPort: number, moreInputs = ''): string {
  return `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:${webPort}" }
${moreInputs}${HTTP_CONFIG}
`
}

function folderOf(text: string, rules = RULES): string {
  const folder = serviceFolder({ 'tocsin.yaml': text, 'rules/all.yaml': rules })
  folders.push(folder)
  return folder
}

async function start(folder: string): Promise<RunningService> {
  const service = await startService(folder)
  services.push(service)
  return service
}

let refs = 0
function send({ ports }: RunningService, sender: string, times: number): Promise<number> {
  const messages = Array.from({ length: times }, () =>
    gelf('message', { _sender: sender, _ref: `${refs++}` }),
  )
  return postGelf(ports['web']!, messages.join('\n'))
}
