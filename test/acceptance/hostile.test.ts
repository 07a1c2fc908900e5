/**
 * A message that lies or is odd is detected or visibly flagged, never silent (I10, I12): through
 * the real service each opens the incident of a rule that matches it, and its flag stands in the
 * incident's first event and in the metric.
 */
import { rmSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'

import { freePorts } from '../../examples/demo/free-ports.ts'
import { selfMarker, selfMaterial } from '../../src/lib/self-marker.ts'
import { gelf, postGelf, sendTcp, sendUdp } from '../support/gelf-send.ts'
import {
  HTTP_CONFIG,
  api,
  incidentDetail,
  incidents,
  metric,
  sloEvents,
} from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

/** A value longer than what is kept of one (32 KiB). */
const LONG = 40_000
/** Now, so that the record is not late; part of what a marker covers. */
const NOW_S = Math.floor(Date.now() / 1_000)

/** Each says which flag it has to carry, and what its event must show all the same. */
const CASES: Readonly<
  Record<
    string,
    {
      readonly flag: string
      readonly message: string
      readonly shows: Readonly<Record<string, unknown>>
    }
  >
> = {
  'a marker of our own log, made up': {
    flag: 'forged_self',
    message: gelf('nothing to see here', { _tocsin_self: '0'.repeat(64) }),
    shows: { tocsin_self: '0'.repeat(64) },
  },
  "a marker made with somebody else's key": {
    flag: 'forged_self',
    message: gelf('Tocsin is ready', { timestamp: NOW_S, _tocsin_self: foreignMarker() }),
    shows: { tocsin_self: foreignMarker() },
  },
  'the name __proto__': {
    flag: 'prototype_key',
    message: gelf('polluted').replace('{', '{"__proto__":{"polluted":true},'),
    shows: { message: 'polluted' },
  },
  'the name constructor': {
    flag: 'prototype_key',
    message: gelf('polluted', { _constructor: 'boom' }),
    shows: { constructor: 'boom' },
  },
  'the same name twice': {
    flag: 'duplicate_key',
    message: gelf('twice', { _user: 'alice' }).replace('{', '{"_user":"mallory",'),
    shows: { message: 'twice' },
  },
  'a value cut at the limit': {
    flag: 'value_cut',
    message: gelf('long', { _payload: `${'x'.repeat(LONG)}evil` }),
    shows: { payload: 'x'.repeat(32_768) },
  },
}
const TRANSPORTS = ['tcp', 'udp', 'http'] as const

const RULES = `
rule: every-case
title: A case of the test
severity: low
from: [tcp, udp, http]
where: _exists_:case
group_by: [case, via]
match: {}
---
rule: flagged
title: Something was odd about a record
severity: low
from: [tcp, udp, http]
where: _exists_:case AND tocsin_flags:(forged_self OR prototype_key OR duplicate_key OR value_cut)
group_by: [case, via]
match: {}
`

let folder: string
let service: RunningService | undefined

afterEach(async () => {
  await service?.stop()
  service = undefined
  rmSync(folder, { recursive: true, force: true })
})

it('every lie opens the incident of a rule that matches it, and is flagged over every transport', async () => {
  folder = serviceFolder({
    'rules/all.yaml': RULES,
    'tocsin.yaml': `
data: data
rules: [rules]
inputs: [${TRANSPORTS.map((type) => `{ name: ${type}, type: gelf-${type}, listen: "127.0.0.1:0" }`).join(', ')}]
${HTTP_CONFIG}
`,
  })
  service = await startService(folder)
  const { url, ports } = service
  const messagesVia = (via: string): string[] =>
    Object.entries(CASES).map(([name, { message }]) =>
      message.replace(/\}$/, `,"_case":${JSON.stringify(name)},"_via":"${via}"}`),
    )
  await sendTcp(ports['tcp']!, messagesVia('tcp'))
  await sendUdp(ports['udp']!, messagesVia('udp'))
  expect(await postGelf(ports['http']!, messagesVia('http').join('\n'))).toBe(202)

  const wanted = Object.keys(CASES).length * TRANSPORTS.length * 2
  const found = await waitFor('an incident of each rule for each case', async () => {
    const all = await incidents(url)
    return all.length >= wanted ? all : undefined
  })
  expect(found).toHaveLength(wanted)
  for (const { number, group } of found) {
    const { flag, shows } = CASES[group['case']!]!
    const { report } = await incidentDetail(url, number)
    const about = `${group['case']} over ${group['via']}`
    expect(report.firstEvent?.flags, about).toEqual([flag])
    expect(report.firstEvent?.fields, about).toMatchObject({ ...shows, tocsin_flags: flag })
  }
  for (const input of TRANSPORTS) {
    for (const flag of new Set(Object.values(CASES).map((each) => each.flag))) {
      const times = Object.values(CASES).filter((each) => each.flag === flag).length
      expect(await metric(url, 'tocsin_events_flagged_total', { input, flag })).toBe(times)
    }
    expect(await metric(url, 'tocsin_input_own_records_total', { input })).toBe(0)
  }
  expect(await (await fetch(`${url}/`)).text()).toContain('every-case')
})

it('its own log, sent to its own input, is stored and counted and never evaluated: no loop', async () => {
  const { OWN: port } = await freePorts({ OWN: 17_201 })
  folder = serviceFolder({
    'rules/all.yaml': `
rule: anything
title: Anything at all
severity: low
from: [own]
where: _exists_:message
group_by: [source]
match: {}
---
slo: everything
service: own
objective: 99%
from: [own]
total: _exists_:message
bad: source:nobody
`,
    'tocsin.yaml': `
data: data
rules: [rules]
inputs: [{ name: own, type: gelf-udp, listen: "127.0.0.1:${port}" }]
telemetry: { graylog: { host: 127.0.0.1, port: ${port} }, log_level: debug }
${HTTP_CONFIG}
`,
  })
  service = await startService(folder)
  const { url } = service
  const own = (): Promise<number> => metric(url, 'tocsin_input_own_records_total', { input: 'own' })
  // At least: the rule set became active, and Tocsin is ready.
  await waitFor('its own records', async () => ((await own()) >= 2 ? true : undefined))

  await sendUdp(Number(port), [gelf('a record of somebody else', { host: 'web-1' })])
  const [incident] = await waitFor('the incident of the other record', async () => {
    const all = await incidents(url)
    return all.length > 0 ? all : undefined
  })
  // The incident made more lines of our own log; they arrive, and the counting stops by itself.
  const records = await waitFor('its own records to end', async () => {
    const before = await own()
    for (let asked = 0; asked < 20; asked++) {
      if ((await own()) !== before) return undefined
    }
    return before
  })
  await waitFor('everything to be evaluated', async () => {
    const { items } = await api<{ items: { evaluated: number; backlog: number }[] }>(url, 'inputs')
    const [input] = items
    return input?.evaluated === records + 1 && input.backlog === 0 ? true : undefined
  })
  expect(await incidents(url)).toEqual([incident])
  expect(incident).toMatchObject({ ruleId: 'anything', group: { source: 'web-1' } })
  expect(await sloEvents(url, 'everything')).toBe(1)
  expect(await metric(url, 'tocsin_events_flagged_total', { input: 'own' })).toBe(0)
  expect(service.log.length).toBeLessThan(100)
})

/** The marker that another installation would have made for the same record. */
function foreignMarker(): string {
  const fields = { source: 'web-1', message: 'Tocsin is ready' }
  return selfMarker(Buffer.alloc(32, 1), selfMaterial(NOW_S * 1_000, fields))
}
