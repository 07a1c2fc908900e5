import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GroupCommit } from '../../src/ingest/journal/group-commit.ts'
import type { JournalReader } from '../../src/ingest/journal/journal.ts'
import { listSegments, segmentPath } from '../../src/ingest/journal/segment.ts'
import { connectForReading } from '../../src/ingest/journal/segment-reader.ts'
import { openJournalReader, openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import { recordsOf } from '../contracts/slab-builder.ts'
import { recordAt, slabAt } from '../ingest/journal/numbered-records.ts'

/** A file system of 4 MiB that fills up, and can be made larger while it is in use. */
let disk: string
beforeEach(() => {
  if (process.getuid?.() !== 0) {
    throw new Error('This test mounts a small tmpfs and therefore has to run as root.')
  }
  disk = mkdtempSync(join(tmpdir(), 'tocsin-full-disk-'))
  run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk)
})
afterEach(() => {
  if (disk === undefined) return
  // Lazily, so that a test that failed with files open leaves no mount behind.
  run('umount', '--lazy', disk)
  rmdirSync(disk)
})

test.for([
  { name: 'in the middle of a segment', maxSegmentBytes: 1024 ** 3 },
  { name: 'over the making of segments', maxSegmentBytes: 200_000 },
])('a full disk refuses, breaks nothing and is got over: $name', ({ maxSegmentBytes }) => {
  const occurrences: Occurrence[] = []
  const report = (occurrence: Occurrence): void => void occurrences.push(occurrence)
  const clock = new ManualClock(1_790_000_000_000)
  const writer = openJournalWriter({ folder: disk, report, clock: clock.now, maxSegmentBytes })
  const reader = openJournalReader({ folder: disk, report })
  const commit = new GroupCommit({ writer, report })
  let next = 0

  /** One flush of three slabs; all durable or all refused, never some of them. */
  const appendSome = (): boolean => {
    for (let i = 0; i < 3; i++) commit.push(slabAt('tcp@1', next + i * 50, 50))
    const { durable, refused } = commit.flush()
    expect([durable.length, refused.length]).toContain(3)
    expect(durable.length + refused.length).toBe(3)
    if (refused.length > 0) {
      expect(refused[0]!.message).toMatch(/errcode/)
      return false
    }
    expect(durable.map(({ firstPosition }) => firstPosition)).toEqual([next, next + 50, next + 100])
    next += 150
    return true
  }

  try {
    for (let tries = 0; appendSome(); tries++) expect(tries, 'the disk fills').toBeLessThan(10_000)
    for (let again = 0; again < 20; again++) expect(appendSome()).toBe(false)
    expect(statfsSync(disk).bavail * statfsSync(disk).bsize).toBeLessThan(200_000)
    expect(names(occurrences)).toContain('journal.write_failed')
    expect(names(occurrences)).toContain('journal.full')
    expectWhole(reader, next)
    expect(integrity(disk)).toEqual([])

    run('mount', '-o', 'remount,size=32m', disk)
    const before = next
    for (let more = 0; more < 20; more++) expect(appendSome()).toBe(true)
    expect(next).toBe(before + 20 * 150)
    expect(names(occurrences)).toContain('journal.recovered')
    expect(names(occurrences)).not.toContain('journal.damaged')
    expectWhole(reader, next)
  } finally {
    writer.close()
    reader.close()
  }
  expect(integrity(disk)).toEqual([])
  const again = openJournalReader({ folder: disk, report })
  expectWhole(again, next)
  again.close()
})

test('a writer opened on a full disk refuses, and appends once there is space', () => {
  const occurrences: Occurrence[] = []
  const report = (occurrence: Occurrence): void => void occurrences.push(occurrence)
  const clock = new ManualClock(1_790_000_000_000)
  const filler = join(disk, 'filler')
  const open = () => openJournalWriter({ folder: join(disk, 'journal'), report, clock: clock.now })
  const before = open()
  before.append([slabAt('tcp@1', 0, 50)])
  before.close()
  expect(() => writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024))).toThrow(/ENOSPC/)

  const writer = open()
  const commit = new GroupCommit({ writer, report })
  commit.push(slabAt('tcp@1', 50, 50))
  expect(commit.flush().refused).toHaveLength(1)
  rmSync(filler)
  commit.push(slabAt('tcp@1', 50, 50))
  expect(commit.flush().durable).toMatchObject([{ firstPosition: 50, count: 50 }])
  const reader = openJournalReader({ folder: join(disk, 'journal'), report })
  expectWhole(reader, 100)
  writer.close()
  reader.close()
})

/** Everything answered as durable is there and equal, and nothing else. */
function expectWhole(reader: JournalReader, next: number): void {
  expect(reader.partitions()).toMatchObject([{ partition: 'tcp@1', first: 0, next }])
  let position = 0
  for (const batch of reader.read('tcp@1', 0)) {
    expect(batch.first).toBe(position)
    for (const record of recordsOf(batch)) expect(record).toBe(recordAt('tcp@1', position++))
  }
  expect(position).toBe(next)
}

/** What `integrity_check` complains about, per segment. */
function integrity(folder: string): unknown[] {
  return listSegments(folder).flatMap((no) => {
    const db = connectForReading(folder, no)
    try {
      const verdict = db.prepare('PRAGMA integrity_check').get()!['integrity_check']
      return verdict === 'ok' ? [] : [`${segmentPath(folder, no)}: ${String(verdict)}`]
    } finally {
      db.close()
    }
  })
}

function names(occurrences: readonly Occurrence[]): Set<string> {
  return new Set(occurrences.map(({ name }) => name))
}

function run(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
  }
}
