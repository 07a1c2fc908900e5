/**
 * What a real service says of inputs through which nothing comes, and of the time in which it was
 * away (design §4.2).
 */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { Command } from 'commander'
import { afterAll, expect, it } from 'vitest'

import { register } from '../../src/cli/gaps.ts'
import { gelf, sendTcp, sendUdp } from '../support/gelf-send.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { HTTP_CONFIG, TEST_TOKEN } from '../support/service-api.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = serviceFolder({
  'tocsin.yaml': `
inputs:
  - { name: stays, type: gelf-tcp, listen: "127.0.0.1:0", silent_after: 2s }
  - { name: ends, type: gelf-tcp, listen: "127.0.0.1:0", silent_after: 2s }
  - { name: udp, type: gelf-udp, listen: "127.0.0.1:0", silent_after: 2s }
  - { name: unused, type: gelf-udp, listen: "127.0.0.1:0", silent_after: 2s }
${HTTP_CONFIG}
`,
  'rules/.keep': '',
})
let service: RunningService | undefined
let socket: Socket | undefined

afterAll(async () => {
  socket?.destroy()
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Listed {
  readonly ruleId: string
  readonly group: Readonly<Record<string, string>>
  readonly signal: string
}

async function incidents(ruleId: string): Promise<string[]> {
  const { items } = (await api('incidents')) as { items: Listed[] }
  return items
    .filter((incident) => incident.ruleId === ruleId)
    .map(({ group, signal }) => `${group['input'] ?? 'all'} ${signal}`)
    .toSorted()
}

async function api(path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${TEST_TOKEN}` }
  const answer = await fetch(`${service!.url}/api/v1/${path}`, { headers })
  expect(answer.status).toBe(200)
  return answer.json()
}

/** What `tocsin gaps --json` exports of one reason. */
async function exported(
  reason: string,
): Promise<{ input: string; fromMs: number; toMs: number }[]> {
  const out: string[] = []
  const program = new Command()
  const env = { TOCSIN_URL: service!.url, TOCSIN_TOKEN: TEST_TOKEN }
  const io = { err: () => undefined, isTerminal: false, env, exit: () => undefined }
  register(program, { ...io, out: (line) => out.push(line) })
  await program.parseAsync(['gaps', '--json'], { from: 'user' })
  return out
    .map((line) => JSON.parse(line) as { reason: string; input: string } & Record<string, number>)
    .filter((gap) => gap.reason === reason)
    .map(({ input, fromMs, toMs }) => ({ input, fromMs: fromMs!, toMs: toMs! }))
}

it('tells once of each silent input, once of the time it was away, and of every gap', async () => {
  service = await startService(folder)
  socket = createConnection(service.ports['stays']!, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${gelf('one')}\0`)
  await sendTcp(service.ports['ends']!, [gelf('one')])
  await sendUdp(service.ports['udp']!, [gelf('one')])

  const silent = ['ends firing', 'stays firing', 'udp firing']
  await waitFor('three silent inputs', async () =>
    (await incidents('tocsin:silent')).length >= 3 ? true : undefined,
  )
  expect(await incidents('tocsin:silent')).toEqual(silent)
  const { items } = (await api('inputs')) as { items: { input: string; state: string }[] }
  const states = Object.fromEntries(items.map(({ input, state }) => [input, state]))
  expect(states).toEqual({
    stays: 'silent',
    ends: 'disconnected',
    udp: 'silent',
    unused: 'waiting',
  })
  expect((await exported('disconnected')).map(({ input, toMs }) => [input, toMs])).toEqual([
    ['ends', null],
  ])

  await service.stop('SIGKILL')
  const killedMs = Date.now()
  await waitFor('time to pass', () => (Date.now() > killedMs + 3_000 ? true : undefined))
  service = await startService(folder)
  await waitFor('the incident about the time between', async () =>
    (await incidents('tocsin:down')).length > 0 ? true : undefined,
  )
  expect(await incidents('tocsin:down')).toEqual(['all clear'])
  const down = await exported('down')
  expect(down.map(({ input }) => input).toSorted()).toEqual(['ends', 'stays', 'udp', 'unused'])
  for (const { fromMs, toMs } of down) {
    expect(fromMs).toBeLessThanOrEqual(killedMs)
    expect(toMs).toBeGreaterThan(killedMs + 3_000)
  }
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  expect(metrics).toMatch(/^tocsin_input_gaps_total\{input="udp",reason="down"\} 1$/m)

  const { ports } = service
  const ended = await waitFor('records that end a silence', async () => {
    await sendUdp(ports['udp']!, [gelf('two')])
    const told = await incidents('tocsin:silent')
    return told.includes('udp clear') ? told : undefined
  })
  expect(ended).toEqual(['ends firing', 'stays firing', 'udp clear'])
})
