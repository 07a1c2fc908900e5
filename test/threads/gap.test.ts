/** A journal that has lost a segment: work goes on, and what is missing is said exactly. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { createApp } from '../../src/app.ts'
import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { Slab } from '../../src/model/slab.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 1)
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it.each([
  { holes: 'one hole', segments: 3, lost: [1], gaps: [[2, 4]] },
  {
    holes: 'two holes found at once',
    segments: 5,
    lost: [1, 3],
    gaps: [
      [2, 4],
      [6, 8],
    ],
  },
])(
  'evaluates what is left of a damaged journal and opens an incident about all that is missing: $holes',
  async ({ segments, lost, gaps }) => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-gap-'))
    folders.push(folder)
    mkdirSync(join(folder, 'rules'))
    writeFileSync(
      join(folder, 'tocsin.yaml'),
      `inputs: [{ name: web, type: gelf-tcp, listen: "127.0.0.1:0" }]
http: { listen: "127.0.0.1:0" }
`,
    )
    writeFileSync(
      join(folder, 'rules', 'a.yaml'),
      'slo: s\nservice: s\nobjective: 90%\ntotal: _exists_:k\nbad: k:never\n',
    )
    leaveBacklog(join(folder, 'data', 'journal'), segments)
    for (const name of filesOf(folder, lost)) rmSync(join(folder, 'data', 'journal', name))

    const clock = new ManualClock(START_MS + 60_000)
    const app = createApp({
      configFile: join(folder, 'tocsin.yaml'),
      env: {},
      clock: clock.now,
      timers: clock,
      random: () => 0.5,
      threads: 'one',
      log: { write: () => undefined },
      owner: 'test',
      version: '0',
    })
    await app.start()
    const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
    const rows = (sql: string): unknown[] =>
      database
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }))
    await waitFor('the rest to be counted', () =>
      rows('SELECT total FROM slo_total').length > 0 ? true : undefined,
    )
    expect(rows('SELECT total FROM slo_total')).toEqual([{ total: 2 * (segments - lost.length) }])
    expect(rows('SELECT partition, from_position, to_position, reason FROM gap')).toEqual(
      gaps.map(([from, to]) => ({
        partition: 'web@0',
        from_position: from,
        to_position: to,
        reason: 'journal',
      })),
    )
    expect(rows('SELECT sum(matches) AS missing FROM episode')).toEqual([
      { missing: 2 * lost.length },
    ])
    expect(rows('SELECT title, severity, signal, phase FROM incident')).toEqual([
      {
        title: 'Records are missing from the journal',
        severity: 'high',
        signal: 'clear',
        phase: 'identification',
      },
    ])
    database.close()
    await app.stop()
  },
)

/** Segments of two records each, of a process that evaluated none of them. */
function leaveBacklog(folder: string, segments: number): void {
  let nowMs = START_MS
  const writer = openJournalWriter({
    folder,
    report: () => undefined,
    clock: () => nowMs,
    maxSegmentMs: 1_000,
  })
  for (let seq = 0; seq < segments; seq++) {
    writer.append([slab(seq, nowMs)])
    nowMs += 2_000
  }
  writer.close()
}

function slab(seq: number, receivedMs: number): Slab {
  const records = ['a', 'b'].map((k) => {
    const record = { version: '1.1', host: 'h', short_message: 'm', timestamp: receivedMs / 1000 }
    return Buffer.from(JSON.stringify({ ...record, _k: k }))
  })
  const offsets = new Uint32Array([0, records[0]!.length, records[0]!.length + records[1]!.length])
  return { partition: 'web@0', thread: 0, seq, bytes: Buffer.concat(records), offsets, receivedMs }
}

/** The files of these segments, which are numbered in order of name. */
function filesOf(folder: string, segments: readonly number[]): string[] {
  const files = readdirSync(join(folder, 'data', 'journal'))
  const names = files.filter((file) => !file.endsWith('-wal') && !file.endsWith('-shm')).sort()
  const chosen = segments.map((nth) => names[nth]!)
  return files.filter((file) => chosen.some((name) => file.startsWith(name)))
}
