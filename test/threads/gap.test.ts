/** A journal that has lost a segment: work goes on, and what is missing is said exactly. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import type { Slab } from '../../src/model/slab.ts'
import { databaseFile, journalFolder } from '../../src/threads/thread-settings.ts'
import { OneThreadService } from '../support/one-thread-service.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 1)
const SOURCE: RulesetSource = {
  documents: [
    {
      file: 'a.yaml',
      text: 'slo: s\nservice: s\nobjective: 90%\ntotal: _exists_:k\nbad: k:never\n',
    },
  ],
  inputs: { web: { ...DEFAULT_TIMING, labels: {} } },
  fields: {},
}
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
    const data = mkdtempSync(join(tmpdir(), 'tocsin-gap-'))
    folders.push(data)
    const journal = journalFolder({ data })
    leaveBacklog(journal, segments)
    for (const name of filesOf(journal, lost)) rmSync(join(journal, name))

    const service = new OneThreadService({ data, source: SOURCE, startMs: START_MS + 60_000 })
    await service.start()
    const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
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
    await service.stop()
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
function filesOf(journal: string, segments: readonly number[]): string[] {
  const files = readdirSync(journal)
  const names = files.filter((file) => !file.endsWith('-wal') && !file.endsWith('-shm')).sort()
  const chosen = segments.map((nth) => names[nth]!)
  return files.filter((file) => chosen.some((name) => file.startsWith(name)))
}
