/**
 * A reload takes a good configuration whole and leaves the running one untouched by a bad one,
 * which it explains in log, metric and API; windows of unchanged rules keep their state (I8).
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { gelf, postGelf } from '../support/gelf-send.ts'
import { HTTP_CONFIG, api, incidentDetail, incidents, metric } from '../support/service-api.ts'
import type { ApiIncident } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const CONFIG = `
data: data
rules: [rules]
inputs: [{ name: web, type: gelf-http, listen: "127.0.0.1:0" }]
${HTTP_CONFIG}
`

let folder: string
let service: RunningService

beforeEach(async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/errors.yaml': rule('Many errors') })
  service = await startService(folder)
})
afterEach(async () => {
  await service.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

it('a changed title is taken, and a window that was half full goes on filling', async () => {
  await send('eu', 2)
  write('errors.yaml', rule('Very many errors'))
  await logged('config.reloaded')
  await send('eu', 2)
  const incident = await incidentOf('eu')
  expect(incident).toMatchObject({ title: 'Very many errors', group: { region: 'eu' } })
  const { report, episodes } = await incidentDetail(service.url, incident.number)
  expect(report.value).toBe(4)
  expect(episodes).toMatchObject([{ matches: 4 }])
})

it('a broken rule keeps the running ones and is named in log, metric and API until it is mended', async () => {
  await send('eu', 3)
  write('errors.yaml', rule('Many errors').replace('threshold:', 'treshold:'))
  const refused = await logged('config.refused')
  const named = /errors\.yaml:6:1: .*"treshold".*did you mean "threshold"/s
  expect(JSON.stringify(refused['problems'])).toMatch(/errors\.yaml:\d+:\d+/)
  expect((refused['problems'] as string[]).join('\n')).toMatch(named)
  expect(await reloadOk()).toBe(0)
  const { items, problems } = await rules()
  expect(items).toMatchObject([{ id: 'errors', title: 'Many errors' }])
  expect(problems).not.toEqual([])
  expect(problems[0]).toMatchObject({ severity: 'error', line: 6 })
  expect(problems[0]!.file).toMatch(/errors\.yaml$/)
  expect(await (await fetch(`${service.url}/`)).text()).toContain('treshold')

  // The old rule works, and its window is as it was.
  await send('eu', 1)
  expect(await incidentOf('eu')).toMatchObject({ title: 'Many errors' })

  write('errors.yaml', rule('Mended'))
  write('more.yaml', rule('Another rule').replace('rule: errors', 'rule: more'))
  await logged('config.reloaded')
  await waitFor('both rules', async () => ((await rules()).items.length === 2 ? true : undefined))
  expect((await rules()).problems).toEqual([])
  expect(await reloadOk()).toBe(1)
  await send('us', 4)
  await incidentOf('us')
  await waitFor('an incident of both rules', async () =>
    (await incidents(service.url)).filter(({ group }) => group['region'] === 'us').length === 2
      ? true
      : undefined,
  )
})

it('an edited condition finds what came before it, and fires at the twentieth event', async () => {
  const twenty = rule('Many errors').replace('at_least: 4', 'at_least: 20')
  write('errors.yaml', twenty)
  await logged('config.reloaded')
  await send('eu', 15)
  write('errors.yaml', twenty.replace('[500 TO 599]', '[503 TO 599]'))
  expect(await logged('rules.rebuilt')).toMatchObject({ rules: ['errors'], missing: 0 })
  await send('eu', 4)
  await send('us', 19)
  await waitFor('all to be evaluated', async () => {
    const matches = await metric(service.url, 'tocsin_input_evaluated_total')
    return matches >= 38 ? true : undefined
  })
  expect(await incidents(service.url)).toEqual([])
  await send('eu', 1)
  const { number } = await incidentOf('eu')
  const { report, episodes } = await incidentDetail(service.url, number)
  expect(report.value).toBe(20)
  expect(episodes).toMatchObject([{ matches: 20 }])
})

it('SIGHUP reads everything again; a setting that is bound at the start is refused by name', async () => {
  service.signal('SIGHUP')
  await logged('config.reloaded')
  writeFileSync(join(folder, 'tocsin.yaml'), CONFIG.replace('data: data', 'data: elsewhere'))
  service.signal('SIGHUP')
  const refused = await logged('config.refused')
  expect((refused['problems'] as string[]).join()).toContain('"data" is bound at the start')
  expect(await reloadOk()).toBe(0)
  writeFileSync(join(folder, 'tocsin.yaml'), CONFIG)
  await waitFor('the reload', async () => ((await reloadOk()) === 1 ? true : undefined))
})

function rule(title: string): string {
  return `rule: errors
title: ${title}
severity: high
from: [web]
where: http_status:[500 TO 599]
threshold: { at_least: 4, within: 10m }
group_by: [region]
`
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, 'rules', name), text)
}

async function send(region: string, times: number): Promise<void> {
  const message = gelf('failed', { _http_status: 503, _region: region })
  const body = Array.from({ length: times }, () => message).join('\n')
  expect(await postGelf(service.ports['web']!, body)).toBe(202)
}

/** The next line of that name, each found once. */
const seen = new WeakSet<object>()
function logged(occurrence: string): Promise<Readonly<Record<string, unknown>>> {
  return waitFor(`"${occurrence}" in the log`, () => {
    const line = service.log.find((each) => each['occurrence'] === occurrence && !seen.has(each))
    if (line !== undefined) seen.add(line)
    return line
  })
}

function incidentOf(region: string): Promise<ApiIncident> {
  return waitFor(`an incident of ${region}`, async () =>
    (await incidents(service.url)).find(({ group }) => group['region'] === region),
  )
}

function reloadOk(): Promise<number> {
  return metric(service.url, 'tocsin_config_last_reload_successful')
}

function rules(): Promise<{
  items: { id: string; title: string }[]
  problems: { severity: string; file: string; line: number; message: string }[]
}> {
  return api(service.url, 'rules')
}
