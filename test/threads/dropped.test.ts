/** Records that there was no room for: a gap that says how many and when, and an incident (I2). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { FromCore } from '../../src/threads/messages.ts'
import { startLoneCore } from '../support/lone-core.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('writes down what was dropped, one gap and one incident while it goes on', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-dropped-'))
  folders.push(data)
  const clock = new ManualClock(START_MS)
  const seen: FromCore['kind'][] = []
  let lastNo = 0
  const heard = (message: FromCore): void => {
    seen.push(message.kind)
    if (message.kind === 'committed') lastNo = message.lastNo
  }
  const main = await startLoneCore({ data, clock, heard })
  const source = { documents: [], inputs: {}, fields: {} }
  main.post({ kind: 'rules', hash: '', source, order: 1, origin: null })
  await waitFor('the start', () => (lastNo > 0 ? true : undefined))

  const drop = async (partition: string, records: number, ...at: [number, number]) => {
    const before = lastNo
    const [fromMs, toMs] = at.map((offset) => START_MS + offset) as [number, number]
    main.post({ kind: 'dropped', dropped: { partition, records, fromMs, toMs } })
    await waitFor('the commit', () => (lastNo > before ? true : undefined))
  }
  await drop('web@1', 5, 0, 900)
  await drop('web@1', 2, 1_000, 2_000)
  await drop('other@1', 1, 1_000, 1_000)
  await drop('web@1', 3, 62_000, 62_500)
  // More than a minute after the last.
  await drop('web@1', 4, 122_501, 122_501)

  const database = new DatabaseSync(join(data, 'tocsin.db'), { readOnly: true })
  const rows = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => Object.values(row))
  expect(rows('SELECT partition, reason, records, from_ms, to_ms FROM gap ORDER BY seq')).toEqual([
    ['web@1', 'dropped', 10, START_MS, START_MS + 62_500],
    ['other@1', 'dropped', 1, START_MS + 1_000, START_MS + 1_000],
    ['web@1', 'dropped', 4, START_MS + 122_501, START_MS + 122_501],
  ])
  expect(rows('SELECT title, severity, signal, group_json FROM incident ORDER BY number')).toEqual(
    ['web', 'other'].map((input) => [
      'Records were dropped because there was no room for them',
      'high',
      'clear',
      JSON.stringify({ input }),
    ]),
  )
  expect(rows('SELECT start_ms, end_ms, state FROM episode ORDER BY seq')).toEqual([
    [START_MS, START_MS + 62_500, 'settled'],
    [START_MS + 1_000, START_MS + 1_000, 'settled'],
    [START_MS + 122_501, START_MS + 122_501, 'settled'],
  ])
  database.close()
  main.post({ kind: 'stop' })
  await waitFor('the end', () => (seen.includes('stopped') ? true : undefined))
})
