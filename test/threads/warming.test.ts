/** A hole in the journal leaves rules warming, and a restart from behind the hole knows it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { CoreStats } from '../../src/model/stats.ts'
import type { FromCore } from '../../src/threads/messages.ts'
import { databaseFile, journalFolder } from '../../src/threads/thread-settings.ts'
import { slab } from '../contracts/slab-builder.ts'
import { startLoneCore } from '../support/lone-core.ts'

const S = 1_000
const START_MS = Date.UTC(2026, 0, 5, 9)
/** Catches up after 60 + 90 + 30 s. */
const RULE = `rule: errors
where: k:a
group_by: [source]
threshold: { at_least: 2, within: 1m }
late_by: 30s
clear: { quiet_for: 90s }
`
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('a rule is warming after a hole, also after a restart from a later checkpoint', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-warming-'))
  folders.push(data)
  leaveHole(journalFolder({ data }))
  const clock = new ManualClock(START_MS + 10 * S)
  const holeMs = clock.now()
  const untilMs = holeMs + 180 * S

  const first = await start(data, clock)
  await first.pass(1)
  expect(first.warmingUntilMs).toBe(untilMs)
  const holeNo = first.lastNo
  await first.pass(30)
  expect(first.warmingUntilMs).toBe(untilMs)
  await first.stop()
  // What follows begins behind the entry that met the hole.
  expect(checkpointNext(data)).toBeGreaterThan(holeNo)

  const second = await start(data, clock)
  await second.pass(1)
  expect(second.warmingUntilMs).toBe(untilMs)
  // The idle input's watermark follows the clock 65 s behind it, told about once a minute.
  await second.pass((untilMs - clock.now()) / S + 64)
  expect(second.warmingUntilMs).toBe(untilMs)
  await second.pass(62)
  expect(second.warmingUntilMs).toBeUndefined()
  await second.stop()
})

function checkpointNext(data: string): number {
  const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
  const row = database.prepare('SELECT checkpoint_next FROM shard').get()
  database.close()
  return Number(row!['checkpoint_next'])
}

/** Three segments of one batch; the second is gone. */
function leaveHole(folder: string): void {
  let nowMs = START_MS
  const report = () => undefined
  const writer = openJournalWriter({ folder, report, clock: () => nowMs, maxSegmentMs: 1_000 })
  for (let seq = 0; seq < 3; seq++) {
    const record = { version: '1.1', host: 'h', short_message: 'm', timestamp: nowMs / 1000 }
    const text = JSON.stringify({ ...record, _k: 'b' })
    writer.append([slab('web@0', [text, text], seq, nowMs)])
    nowMs += 2_000
  }
  writer.close()
  const second = readdirSync(folder).filter((name) => name.includes('0000000002'))
  expect(second).not.toEqual([])
  for (const name of second) rmSync(join(folder, name))
}

async function start(data: string, clock: ManualClock) {
  const seen = new Set<FromCore['kind']>()
  let stats: CoreStats | undefined
  const heard = (message: FromCore): void => {
    seen.add(message.kind)
    if (message.kind === 'stats') ({ stats } = message)
  }
  const soon = async (is: () => boolean): Promise<void> => {
    const endMs = performance.now() + 10_000
    while (!is() && performance.now() < endMs) await new Promise((done) => setImmediate(done))
    expect(is()).toBe(true)
  }
  const main = await startLoneCore({ data, clock, heard })
  const documents = [{ file: 'a.yaml', text: RULE }]
  const inputs = { web: { labels: {}, reorderMs: 5 * S, idleAfterMs: 60 * S } }
  const source = { documents, inputs, fields: {} }
  main.post({ kind: 'rules', hash: '', source, order: 1, origin: null })
  await soon(() => seen.has('committed'))
  return {
    get warmingUntilMs() {
      return stats?.rules[0]?.warmingUntilMs
    },
    get lastNo() {
      return stats!.lastNo
    },
    /** Lets that many seconds pass. */
    async pass(seconds: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        clock.advance(S)
        await soon(() => stats?.nowMs === clock.now())
      }
    },
    async stop(): Promise<void> {
      main.post({ kind: 'stop' })
      await soon(() => seen.has('stopped'))
    },
  }
}
