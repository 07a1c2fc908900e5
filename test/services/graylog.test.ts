/**
 * Beside a real Graylog: what it receives comes to Tocsin over its GELF outputs, TCP and UDP, and its
 * alerts through its HTTP notification, after one command has set it up.
 */
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { setUpGraylog } from '../../src/cli/graylog/setup.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { HTTP_CONFIG, incidents } from '../support/service-api.ts'
import { GraylogServer } from './graylog-server.ts'
import { portsBelowEphemeral } from './stable-ports.ts'

/** Graylog's own parts are slow to begin with, and so is a machine that others use. */
const PATIENCE_MS = 180_000

const CONFIG = `
inputs:
  - { name: graylog-tcp, type: gelf-tcp, listen: "127.0.0.1:0" }
  - { name: graylog-udp, type: gelf-udp, listen: "127.0.0.1:0" }
  - { name: graylog-events, type: graylog-webhook, listen: "127.0.0.1:0", token: only-a-test-key }
${HTTP_CONFIG}
`

const RULES = ['tcp', 'udp']
  .map(
    (transport) => `
rule: disk-${transport}
title: A disk fails, over ${transport}
from: [graylog-${transport}]
where: message:"disk failure" AND level:[0 TO 3]
group_by: [source]
match: {}
`,
  )
  .join('---\n')

let graylog: GraylogServer
let service: RunningService
let folder: string
let inputPort: number

beforeAll(async () => {
  graylog = await GraylogServer.start()
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/disk.yaml': RULES })
  mkdirSync(join(folder, 'rules'), { recursive: true })
  const shipped = join(import.meta.dirname, '../../deploy/graylog/graylog-alert.yaml')
  copyFileSync(shipped, join(folder, 'rules', 'graylog-alert.yaml'))
  service = await startService(folder)
  inputPort = (await portsBelowEphemeral(1))[0]!
  await graylog.call('POST', '/system/inputs', {
    title: 'GELF UDP',
    type: 'org.graylog2.inputs.gelf.udp.GELFUDPInput',
    global: true,
    configuration: {
      bind_address: '127.0.0.1',
      port: inputPort,
      recv_buffer_size: 262_144,
      number_worker_threads: 1,
      decompress_size_limit: 8_388_608,
    },
  })
}, 600_000)

afterAll(async () => {
  await service?.stop('SIGKILL')
  await graylog?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
})

describe('a real Graylog', () => {
  it('is set up by one command, and a second run changes nothing', async () => {
    const said = [await setUp(), await setUp()]
    expect(said[0]).toContain(
      'Installed the content pack: a stream, its outputs, and a notification.',
    )
    expect(said[1]).toContain(
      'The content pack is installed already; its outputs and addresses are left as they are.',
    )
    expect(said[1]!.at(-1)).toBe('The stream "Tocsin" runs.')
  })

  it('sends its messages over TCP and over UDP, and each opens an incident', async () => {
    const opened = await until(async () => {
      await send({ short_message: 'disk failure on sda', level: 2 })
      const titles = (await incidents(service.url)).map(({ title }) => title)
      return RULES_OPEN.every((title) => titles.includes(title))
    })
    expect(opened).toBe(true)
  })

  it('raises an alert of its own, which opens an incident too', async () => {
    const { notifications } = (await graylog.call('GET', '/events/notifications')) as {
      notifications: { id: string; title: string }[]
    }
    const notification = notifications.find(({ title }) => title === 'Tocsin')!
    await graylog.call('POST', '/events/definitions', definition(notification.id))
    const opened = await until(async () => {
      await send({ short_message: 'disk failure on sdb', level: 2 })
      const titles = (await incidents(service.url)).map(({ title }) => title)
      return titles.includes('Graylog raised an alert')
    })
    expect(opened).toBe(true)
  })
})

const RULES_OPEN = ['A disk fails, over tcp', 'A disk fails, over udp']

async function setUp(): Promise<string[]> {
  const lines: string[] = []
  const [user, password] = Buffer.from(graylog.authorization.slice(6), 'base64')
    .toString()
    .split(':')
  await setUpGraylog({
    graylog: { url: graylog.url, user: user!, password: password! },
    transport: 'both',
    values: {
      HOST: '127.0.0.1',
      TCP_PORT: service.ports['graylog-tcp']!,
      UDP_PORT: service.ports['graylog-udp']!,
      URL: `http://127.0.0.1:${service.ports['graylog-events']}/graylog?key=only-a-test-key`,
    },
    say: (line) => lines.push(line),
  })
  return lines
}

/** Sends a GELF message into Graylog's own input. */
async function send(fields: object): Promise<void> {
  const message = JSON.stringify({ version: '1.1', host: 'web-1', ...fields })
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.send(message, inputPort, '127.0.0.1', (error) => (error ? reject(error) : resolve()))
  })
  socket.close()
}

/** Tries once a second, because Graylog takes what it gets only after its input and stream began. */
async function until(isThere: () => Promise<boolean>): Promise<boolean> {
  const endMs = Date.now() + PATIENCE_MS
  while (Date.now() < endMs) {
    if (await isThere()) return true
    await new Promise((resolve) => void setTimeout(resolve, 1_000))
  }
  return false
}

function definition(notificationId: string): object {
  return {
    title: 'Disks',
    description: '',
    priority: 2,
    alert: true,
    config: {
      type: 'aggregation-v1',
      query: 'message:disk',
      query_parameters: [],
      streams: [],
      group_by: [],
      series: [],
      conditions: { expression: null },
      search_within_ms: 60_000,
      execute_every_ms: 5_000,
    },
    field_spec: {},
    key_spec: [],
    notification_settings: { grace_period_ms: 0, backlog_size: 1 },
    notifications: [{ notification_id: notificationId }],
  }
}
