/**
 * F14: what was acknowledged is there after a power cut. A file system on a loop device that writes
 * nothing back by itself; the writer is stopped and the device copied as it is: that is what the
 * disk would hold. Needs root. `TOCSIN_POWER_CUT_IMAGES` says how many cuts each case gets.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openJournalReader, openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { recordsOf } from '../contracts/slab-builder.ts'
import { recordAt } from '../ingest/journal/numbered-records.ts'
import { dumpSqlite } from '../store/sqlite-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const CHILD = fileURLToPath(new URL('power-cut-child.ts', import.meta.url))
const IMAGE_BYTES = 128 * 1024 ** 2
const IMAGES = Number(process.env['TOCSIN_POWER_CUT_IMAGES'] ?? 10)

let folder: string
let child: ChildProcess | undefined
let mounts: string[]

beforeEach(() => {
  if (process.getuid?.() !== 0) {
    throw new Error('This test mounts a file system of its own and therefore has to run as root.')
  }
  folder = mkdtempSync(join(tmpdir(), 'tocsin-power-cut-'))
  mounts = []
})
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child!.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  child = undefined
  for (const mount of mounts) execFileSync('umount', ['--lazy', mount])
  rmSync(folder, { recursive: true })
})

/** One alone, because a sync of the one can carry what the other wrote onto the disk as well. */
it.each(['journal', 'store', 'both'] as const)(
  `a power cut loses nothing that was acknowledged: %s, ${IMAGES} cuts`,
  async (subject) => {
    const cuts = await cutOften(subject, 'FULL')
    expect(cuts.map(({ lost }) => lost)).toEqual(cuts.map(() => ({ journal: 0, store: 0 })))
  },
)

/** Or the case above would prove nothing. */
it.each(['journal', 'store'] as const)(
  'the same cuts lose acknowledged work with synchronous=NORMAL: %s',
  async (subject) => {
    const cuts = await cutOften(subject, 'NORMAL')
    expect(cuts.reduce((sum, { lost }) => sum + lost[subject], 0)).toBeGreaterThan(0)
  },
)

interface Progress {
  readonly journal: number
  readonly store: number
}

/** Cuts one run of the child at many moments. */
async function cutOften(
  subject: 'journal' | 'store' | 'both',
  synchronous: 'FULL' | 'NORMAL',
): Promise<{ acknowledged: Progress; lost: Progress }[]> {
  const disk = join(folder, 'disk')
  const image = `${disk}.img`
  const acks = join(folder, 'acks')
  rmSync(acks, { force: true })
  writeFileSync(image, '')
  truncateSync(image, IMAGE_BYTES)
  execFileSync('mkfs.ext4', ['-qF', image])
  mountImage(image, disk)
  child = spawn(process.execPath, [CHILD, disk, acks, subject, synchronous], { stdio: 'inherit' })

  const cuts = []
  for (let seen = 0, cut = 0; cut < IMAGES; cut++) {
    seen = await waitFor('acknowledgements', () => {
      if (child!.exitCode !== null) throw new Error('the child has ended')
      const count = lines(acks).length
      return count >= seen + 5 + ((cut * 7) % 23) ? count : undefined
    })
    child.kill('SIGSTOP')
    await waitFor('the child to stand still', () => (isStopped(child!.pid!) ? true : undefined))
    execFileSync('cp', ['--sparse=always', image, `${disk}-copy.img`])
    const acknowledged = progressOf(lines(acks))
    child.kill('SIGCONT')

    const copy = `${disk}-copy`
    mountImage(`${copy}.img`, copy)
    const found = await foundOn(copy)
    execFileSync('umount', [copy])
    mounts.pop()
    const lost = {
      journal: Math.max(0, acknowledged.journal - found.journal),
      store: Math.max(0, acknowledged.store - found.store),
    }
    cuts.push({ acknowledged, lost })
  }
  return cuts
}

function mountImage(image: string, at: string): void {
  mkdirSync(at, { recursive: true })
  execFileSync('mount', ['-o', 'loop,commit=300', image, at])
  mounts.push(at)
}

function lines(acks: string): string[] {
  return existsSync(acks) ? readFileSync(acks, 'utf8').trim().split('\n') : []
}

function progressOf(acks: readonly string[]): Progress {
  const last = (what: string) =>
    Number(acks.findLast((line) => line.startsWith(what))?.split(' ')[1] ?? 0)
  return { journal: last('journal'), store: last('store') }
}

/** Every thread of it, also one that was inside a write when the signal came. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /^\d+ \(.*\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  )
}

/** How far journal and database got on a disk, opened as a start opens them; all must be whole. */
async function foundOn(disk: string): Promise<Progress> {
  const file = join(disk, 'tocsin.db')
  const store = await openSqliteStore({ file })
  const { nextNo } = await store.claim('test', 0)
  await store.close()
  const database = new DatabaseSync(file)
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  database.close()
  const { input_log: log, episode, outbox } = dumpSqlite(file)
  expect(log!.map((row) => row['no'])).toEqual(Array.from({ length: nextNo - 1 }, (_, i) => i + 1))
  for (const table of [episode, outbox]) expect(table).toHaveLength(nextNo - 1)
  return { journal: foundInJournal(join(disk, 'journal')), store: nextNo - 1 }
}

function foundInJournal(folder: string): number {
  const report = ({ name }: Occurrence): void => {
    if (name === 'journal.damaged' || name === 'journal.write_failed') throw new Error(name)
  }
  const writer = openJournalWriter({ folder, report, clock: Date.now, maxSegmentMs: Infinity })
  const reader = openJournalReader({ folder, report })
  let position = 0
  for (const batch of reader.read('tcp@1', 0)) {
    expect(batch.first).toBe(position)
    for (const record of recordsOf(batch)) expect(record).toBe(recordAt('tcp@1', position++))
  }
  reader.close()
  writer.close()
  return position
}
