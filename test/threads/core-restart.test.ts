/** The whole service in one thread on a clock of the test, stopped and started again. */
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

import { createApp } from '../../src/app.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { waitFor } from '../support/wait-for.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('replays with the timing that its inputs had, not with the defaults', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-restart-'))
  folders.push(folder)
  mkdirSync(join(folder, 'rules'))
  writeFileSync(
    join(folder, 'tocsin.yaml'),
    `inputs: [{ name: web, type: gelf-tcp, listen: "127.0.0.1:0", reorder: 0s, idle_after: 2s }]
http: { listen: "127.0.0.1:0" }
`,
  )
  writeFileSync(
    join(folder, 'rules', 'a.yaml'),
    `rule: a
where: _exists_:k
group_by: [k]
threshold: { at_least: 2, within: 3s }
late_by: 1s
clear: { quiet_for: 4s }
`,
  )
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const run = () => startOn(folder, clock)

  const first = await run()
  const socket = connect(first.port, '127.0.0.1')
  const send = (k: string): void => {
    const record = { version: '1.1', host: 'h', short_message: 'm', timestamp: clock.now() / 1000 }
    socket.write(`${JSON.stringify({ ...record, _k: k })}\0`)
  }
  for (const k of ['x', 'x', 'y', 'x', 'y']) {
    const before = await first.commits()
    send(k)
    await waitFor(
      'the record to be evaluated',
      async () => (await first.commits()) > before || undefined,
    )
    clock.advance(500)
  }
  socket.end()
  // An idle gap long enough that the assumed watermark clears and settles.
  for (let second = 0; second < 7; second++) {
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await first.app.stop()

  const second = await run()
  const replayed = second.log.find(({ occurrence }) => occurrence === 'core.replayed')
  expect(replayed).toMatchObject({ differences: 0 })
  expect(replayed?.['entries']).toBeGreaterThan(5)
  await second.app.stop()
})

async function startOn(folder: string, clock: ManualClock) {
  const log: Record<string, unknown>[] = []
  const app = createApp({
    configFile: join(folder, 'tocsin.yaml'),
    env: {},
    clock: clock.now,
    timers: clock,
    random: () => 0.5,
    threads: 'one',
    log: { write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    owner: 'test',
    version: '0',
  })
  const { http, inputs } = await app.start()
  const commits = async (): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${http.port}/metrics`)).text()
    return Number(/^tocsin_core_commits_total (\d+)/m.exec(text)?.[1] ?? 0)
  }
  return { app, log, port: inputs[0]!.port, commits }
}
