import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JournalWriteError } from '../../../src/ingest/journal/journal.ts'
import { listSegments, segmentPath } from '../../../src/ingest/journal/segment.ts'
import { SegmentWriter } from '../../../src/ingest/journal/segment-writer.ts'
import { openJournalReader, openJournalWriter } from '../../../src/ingest/journal/sqlite-journal.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { journalContract } from '../../contracts/journal-contract.ts'
import { recordsOf, slab } from '../../contracts/slab-builder.ts'
import { sqliteHarness } from './sqlite-harness.ts'

journalContract('SQLite segments', sqliteHarness)

const keptRequest = (key: number) => ({
  key: Uint8Array.of(key),
  body: Uint8Array.of(0),
  answer: '{}',
})

describe('segments', () => {
  let harness: ReturnType<typeof sqliteHarness>
  let clock: ManualClock
  beforeEach(() => {
    harness = sqliteHarness()
    clock = new ManualClock(1_790_000_000_000)
  })
  afterEach(() => harness.dispose())

  const append = (writer: ReturnType<typeof harness.openWriter>, partition: string, text = 'x') =>
    writer.append([slab(partition, [text], 0, clock.now())])[0]!.firstPosition

  test('a segment ends by size or by the age of its first batch, and a restart goes on in it', () => {
    const limits = { maxSegmentBytes: 100_000, maxSegmentMs: 60_000 }
    let writer = harness.openWriter(limits, clock)
    append(writer, 'a@1')
    clock.advance(59_999)
    writer.close()
    writer = harness.openWriter(limits, clock)
    append(writer, 'a@1')
    expect(listSegments(harness.folder)).toEqual([1])
    clock.advance(1)
    append(writer, 'a@1')
    expect(listSegments(harness.folder)).toEqual([1, 2])
    const noise = Array.from({ length: 20_000 }, (_, i) => `${Math.imul(i, 2_654_435_761) >>> 0}`)
    writer.append([slab('a@1', noise, 0), slab('a@1', noise.toReversed(), 0)])
    append(writer, 'a@1')
    expect(listSegments(harness.folder)).toEqual([1, 2, 3])
    writer.close()
  })

  test('a journal left open by a crash is read whole, and the recovery is reported', () => {
    const writer = harness.openWriter({}, clock)
    for (let i = 0; i < 5; i++) append(writer, 'a@1', `record ${i}`)
    const folder = join(harness.folder, 'copy')
    mkdirSync(folder)
    // By another process: closing a copied file in this one would drop SQLite's locks on it.
    const names = readdirSync(harness.folder).filter((name) => /\.db(-wal)?$/.test(name))
    spawnSync('cp', [...names.map((name) => join(harness.folder, name)), folder])
    writer.close()

    const seen: string[] = []
    const options = { folder, report: ({ name }: { name: string }) => void seen.push(name) }
    const again = openJournalWriter({ ...options, clock: clock.now })
    expect(seen).toEqual(['journal.recovered'])
    expect(append(again, 'a@1')).toBe(5)
    again.close()
    const reader = openJournalReader(options)
    expect([...reader.read('a@1', 0)].flatMap(recordsOf)).toContain('record 4')
    reader.close()
  })

  test('a clean end leaves nothing to recover, also beside a reader', () => {
    const writer = harness.openWriter({}, clock)
    append(writer, 'a@1')
    const reader = harness.openReader()
    expect([...reader.read('a@1', 0)]).toHaveLength(1)
    writer.close()
    harness.reported()
    harness.openWriter({}, clock).close()
    expect(harness.reported()).toEqual([])
    reader.close()
  })

  test('two writers with partitions of their own share a folder through every change of segment', () => {
    const limits = { maxSegmentMs: 3_000 }
    const one = harness.openWriter(limits, clock)
    const two = harness.openWriter(limits, clock)
    for (let i = 0; i < 20; i++) {
      clock.advance(800)
      expect(append(one, 'a@1', `a ${i}`)).toBe(i)
      clock.advance(900)
      if (i % 3 > 0) append(two, 'a@2', `b ${i}`)
    }
    one.close()
    two.close()
    const reader = harness.openReader()
    const texts = (partition: string) => [...reader.read(partition, 0)].flatMap(recordsOf)
    expect(texts('a@1')).toEqual(Array.from({ length: 20 }, (_, i) => `a ${i}`))
    expect(texts('a@2')).toHaveLength(13)
    expect([...reader.readSince(undefined, 0)]).toHaveLength(33)
    reader.close()
    const next = harness.openWriter(limits, clock)
    expect([append(next, 'a@1'), append(next, 'a@2')]).toEqual([20, 13])
    next.close()
  })

  test('a second writer in one partition breaks an invariant: nothing of its append is kept', () => {
    const one = harness.openWriter({}, clock)
    const two = harness.openWriter({}, clock)
    append(one, 'a@1', 'of one')
    const group = [slab('b@1', ['with it'], 0), slab('a@1', ['of two'], 1)]
    for (let i = 0; i < 3; i++) {
      const failure = errorOf(() => two.append(group))
      expect(failure).toMatchObject({ message: expect.stringMatching(/UNIQUE/) })
      expect(failure).not.toBeInstanceOf(JournalWriteError)
    }
    const reader = harness.openReader()
    expect([...reader.readSince(undefined, 0)].flatMap(recordsOf)).toEqual(['of one'])
    reader.close()
    one.close()
    two.close()
  })

  test('what a failed commit left in the log is taken out again, and only that', () => {
    const writer = SegmentWriter.create(harness.folder, 1, new Map())
    const place = (first: number) => ({ partition: 'a@1', first, count: 1, receivedMs: 5 })
    const requests = [undefined, keptRequest(1), keptRequest(2)]
    const batches = [0, 1, 2].map((first) => ({
      place: place(first),
      blob: new Uint8Array(10),
      request: requests[first],
    }))
    writer.append(batches)
    const remove = (first: number, receivedMs = 5) =>
      writer.remove([{ place: { ...place(first), receivedMs }, request: requests[first] }])
    remove(2, 6)
    expect(writer.heads().get('a@1')).toEqual({ next: 3, segment: 1 })
    remove(2)
    expect(writer.heads().get('a@1')).toEqual({ next: 2, segment: 1 })
    writer.close()
    const reader = harness.openReader()
    expect(reader.requestsSince(0, 10).map(({ key }) => [...key])).toEqual([[1]])
    reader.close()
  })

  test('a segment of the former format is read, sealed and followed by a new one', () => {
    const former = harness.openWriter({}, clock)
    append(former, 'a@1', 'of the former version')
    former.close()
    const db = new DatabaseSync(segmentPath(harness.folder, 1))
    db.exec('DROP TABLE request; PRAGMA user_version = 1')
    db.close()
    const writer = harness.openWriter({}, clock)
    const again = slab('a@1', ['of this one'], 0)
    expect(writer.append([{ ...again, request: keptRequest(1) }])[0]!.firstPosition).toBe(1)
    writer.close()
    const reader = harness.openReader()
    expect(listSegments(harness.folder)).toEqual([1, 2])
    const records = [...reader.readSince(undefined, 0)].flatMap(recordsOf)
    expect(records).toEqual(['of the former version', 'of this one'])
    expect(reader.requestsSince(0, 10)).toHaveLength(1)
    expect(harness.reported().filter((name) => name.includes('damage'))).toEqual([])
    reader.close()
  })

  test('a folder that cannot be made is named when the journal is opened', () => {
    const file = join(harness.folder, 'file')
    writeFileSync(file, '')
    const open = () =>
      openJournalWriter({ folder: join(file, 'journal'), report: () => {}, clock: clock.now })
    expect(open).toThrow(JournalWriteError)
    expect(open).toThrow(/ENOTDIR.*file.journal/)
  })

  test('logs without their database are removed at the start', () => {
    const orphan = `${segmentPath(harness.folder, 7)}-wal`
    writeFileSync(orphan, 'left by a kill between two unlinks')
    harness.openWriter({}, clock).close()
    expect(statSync(orphan, { throwIfNoEntry: false })).toBeUndefined()
    expect(listSegments(harness.folder)).toEqual([1])
  })

  test('a segment removed under a reader does not trouble it', () => {
    const writer = harness.openWriter({ maxSegmentBytes: 1 }, clock)
    for (let i = 0; i < 4; i++) append(writer, 'a@1', `${i}`)
    const reader = harness.openReader()
    const seen: string[] = []
    for (const batch of reader.read('a@1', 0)) {
      seen.push(...recordsOf(batch))
      rmSync(segmentPath(harness.folder, 3), { force: true })
    }
    expect(seen).toEqual(['0', '1', '3'])
    expect(harness.reported()).not.toContain('journal.damaged')
    reader.close()
    writer.close()
  })
})

function errorOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
