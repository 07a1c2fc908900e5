/** What a checkpoint lets the journal drop: never what was accepted and not evaluated (I3). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { FromCore } from '../../src/threads/messages.ts'
import { journalFolder } from '../../src/threads/thread-settings.ts'
import { slab } from '../contracts/slab-builder.ts'
import { startLoneCore } from '../support/lone-core.ts'
import { waitFor } from '../support/wait-for.ts'

const RECORDS = 6_000
const START_MS = Date.UTC(2026, 0, 1)
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('a checkpoint keeps the records of a partition that nobody has evaluated yet', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-retain-'))
  folders.push(data)
  const clock = new ManualClock(START_MS)
  const record = JSON.stringify({ version: '1.1', host: 'h', short_message: 'm' })
  const writer = openJournalWriter({
    folder: journalFolder({ data }),
    report: () => undefined,
    clock: clock.now,
  })
  // Of a process that died before it had committed anything: the log knows neither of them.
  const records = Array.from({ length: RECORDS }, () => record)
  writer.append([slab('a@0', records, 0, START_MS), slab('b@0', records, 0, START_MS)])
  writer.close()

  const kept: Readonly<Record<string, number>>[] = []
  const seen: FromCore['kind'][] = []
  const heard = (message: FromCore): void => {
    seen.push(message.kind)
    if (message.kind === 'retain') kept.push(message.below)
  }
  const main = await startLoneCore({ data, clock, heard, maxAgeMs: 1, maxBytes: 1 })
  const source = { documents: [], inputs: {}, fields: {} }
  main.post({ kind: 'rules', hash: '', source, order: 1, origin: null })
  const first = await waitFor('the first checkpoint', () => kept[0])
  expect(first).toEqual({ 'a@0': RECORDS })
  expect(seen).not.toContain('failed')
  main.post({ kind: 'stop' })
  await waitFor('the end', () => (seen.includes('stopped') ? true : undefined))
})
