/**
 * Appends to a journal, commits to a database, or both by turns, for ever, with pauses, in the
 * folder named on the command line; writes what was acknowledged into a file beside the disk that
 * will be cut. Started by `power-cut.test.ts`.
 *
 *     node power-cut-child.ts FOLDER ACKS journal|store|both FULL|NORMAL
 */
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { slabAt } from '../ingest/journal/numbered-records.ts'
import { change, openKeyOf, request, tinyDecide } from '../store/builders.ts'

const [, , folder, acksFile, subject, synchronous] = argv as unknown as [
  string,
  string,
  string,
  string,
  'journal' | 'store' | 'both',
  'FULL' | 'NORMAL',
]

const weakened = synchronous === 'NORMAL' ? weaken() : () => 0
const journal = openJournalWriter({
  folder: join(folder, 'journal'),
  clock: Date.now,
  // The records are from another day; one segment holds them all.
  maxSegmentMs: Infinity,
  report: ({ name, detail }) => {
    if (name !== 'journal.segment_opened') throw new Error(`${name}: ${JSON.stringify(detail)}`)
  },
})
const store = await openSqliteStore({ file: join(folder, 'tocsin.db') })
await store.claim('child', Date.now())
if (synchronous === 'NORMAL' && weakened() < 2) {
  throw new Error('both have to be opened with synchronous = FULL for this test to weaken them')
}

const acks = openSync(acksFile, 'a')
let position = 0
for (let no = 1; ; no++) {
  if (subject !== 'store') {
    journal.append([slabAt('tcp@1', position, 20)])
    position += 20
    writeSync(acks, `journal ${position}\n`)
  }
  if (subject !== 'journal') {
    const over = { id: `e${no}`, group: { no: String(no) }, groupKey: `["${no}"]` }
    await store.commit(request(no, [change('opened', over)]), tinyDecide, openKeyOf)
    writeSync(acks, `store ${no}\n`)
  }
  // Most stops land here, and not inside one of SQLite's checkpoints, which syncs in any case.
  await pause(5)
}

/** From now on every connection asks for NORMAL where it would have asked for FULL. */
function weaken(): () => number {
  let count = 0
  const exec = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, 'exec')!.value as Exec
  DatabaseSync.prototype.exec = function weakened(sql) {
    const weaker = sql.replaceAll('synchronous = FULL', 'synchronous = NORMAL')
    if (weaker !== sql) count++
    exec.call(this, weaker)
  }
  return () => count
}

type Exec = (this: DatabaseSync, sql: string) => void
