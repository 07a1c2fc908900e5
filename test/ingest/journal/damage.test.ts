import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { POSITION_SKIP } from '../../../src/ingest/journal/positions.ts'
import { listSegments, segmentPath } from '../../../src/ingest/journal/segment.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { recordsOf } from '../../contracts/slab-builder.ts'
import { recordAt, slabAt } from './numbered-records.ts'
import { sqliteHarness } from './sqlite-harness.ts'

const SEGMENTS = 3
const PER_SEGMENT = 40
const clock = new ManualClock(1_790_000_000_000)

let harness: ReturnType<typeof sqliteHarness>
let path: (no: number) => string
beforeEach(() => {
  harness = sqliteHarness()
  path = (no) => segmentPath(harness.folder, no)
  const writer = harness.openWriter({ maxSegmentBytes: 1 }, clock)
  for (let i = 0; i < SEGMENTS; i++) {
    const slabs = [0, 1, 2, 3].map((part) => slabAt('a@1', i * PER_SEGMENT + part * 10, 10))
    writer.append([...slabs, slabAt('b@1', i, 1)])
  }
  writer.close()
  harness.reported()
})
afterEach(() => harness.dispose())

/** Positions of `a@1` that are read; fails when a record is not the one that belongs there. */
function positionsRead(): number[] {
  const reader = harness.openReader()
  try {
    return [...reader.read('a@1', 0)].flatMap((batch) =>
      recordsOf(batch).map((record, i) => {
        expect(record).toBe(recordAt('a@1', batch.first + i))
        return batch.first + i
      }),
    )
  } finally {
    reader.close()
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test.for([
  { what: 'a file of other bytes', content: Buffer.alloc(20_000, 'not a database ') },
  { what: 'a database of somebody else', content: foreignDatabase() },
])('$what in place of a segment is reported and hides no other', ({ content }) => {
  writeFileSync(path(2), content)
  expect(positionsRead()).toEqual([...range(0, 40), ...range(80, 120)])
  expect(harness.reported()).toEqual(['journal.damaged'])
  const writer = harness.openWriter({}, clock)
  expect(writer.append([slabAt('a@1', 120, 1)])[0]!.firstPosition).toBe(120)
  writer.close()
})

test('a segment of a later format is refused as such', () => {
  const db = new DatabaseSync(path(2))
  db.exec('PRAGMA user_version = 3')
  db.close()
  expect(positionsRead()).toHaveLength(80)
  expect(harness.reported()).toEqual(['journal.damaged'])
})

test('damage is reported once by a reader, however often it meets it', () => {
  writeFileSync(path(2), Buffer.alloc(20_000, 'x'))
  const reader = harness.openReader()
  for (let i = 0; i < 3; i++) expect(reader.partitions()).toHaveLength(2)
  expect(reader.at('a@1', 50)).toBeUndefined()
  expect(recordAt('a@1', 90)).toBe(Buffer.from(reader.at('a@1', 90)!.bytes).toString())
  expect(harness.reported()).toEqual(['journal.damaged'])
  reader.close()
})

test('a writer leaves a damaged newest segment alone and never gives its positions again', () => {
  const damaged = Buffer.alloc(20_000, 'x')
  writeFileSync(path(3), damaged)
  const writer = harness.openWriter({}, clock)
  expect(harness.reported()).toEqual(['journal.damaged', 'journal.segment_opened'])
  const [a, c] = writer.append([slabAt('a@1', 0, 1), slabAt('c@1', 0, 1)])
  expect(a!.firstPosition).toBe(80 + POSITION_SKIP)
  expect(c!.firstPosition).toBe(0)
  expect(readFileSync(path(3))).toEqual(damaged)
  writer.close()
})

test('a batch that was changed is left out and reported, its neighbours are read', () => {
  const db = new DatabaseSync(path(2))
  db.exec("UPDATE batch SET blob = zeroblob(length(blob)) WHERE partition = 'a@1' AND first = 50")
  db.close()
  expect(positionsRead()).toEqual([...range(0, 50), ...range(60, 120)])
  expect(harness.reported()).toEqual(['journal.damaged'])
})

test('a segment whose tables are not ours to the letter is reported, by reader and writer', () => {
  for (const no of [2, 3]) {
    const content = readFileSync(path(no)).toString('latin1').replace('blob BLOB', 'blub BLOB')
    writeFileSync(path(no), content, 'latin1')
  }
  expect(positionsRead()).toEqual(range(0, 40))
  expect(harness.reported()).toEqual(['journal.damaged', 'journal.damaged'])
  harness.openWriter({}, clock).close()
  expect(harness.reported()).toContain('journal.damaged')
})

test.for([
  { what: 'at the beginning', first: 40 },
  { what: 'in the middle', first: 60 },
  { what: 'at the end', first: 70 },
])('a batch that is missing $what of a sealed segment is reported', ({ first }) => {
  const db = new DatabaseSync(path(2))
  db.prepare("DELETE FROM batch WHERE partition = 'a@1' AND first = ?").run(first)
  db.close()
  expect(positionsRead()).toHaveLength(110)
  expect(harness.reported()).toEqual(['journal.damaged'])
})

test('a segment whose creation was cut off holds nothing and is finished by the next writer', () => {
  writeFileSync(path(4), '')
  expect(positionsRead()).toEqual(range(0, 120))
  const writer = harness.openWriter({}, clock)
  expect(writer.append([slabAt('a@1', 120, 1)])[0]!.firstPosition).toBe(120)
  expect(listSegments(harness.folder)).toEqual([1, 2, 3, 4])
  writer.close()
  expect(harness.reported()).not.toContain('journal.damaged')
})

test('a flipped byte anywhere in a segment gives no wrong record and takes nothing of the other segments', () => {
  const whole = readFileSync(path(2))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const flipped = Uint8Array.from(whole)
      flipped[at] = flipped[at]! ^ bits
      writeFileSync(path(2), flipped)
      harness.reported()
      const read = positionsRead()
      expect(read).toEqual([...new Set(read)].toSorted((a, b) => a - b))
      // A loss in this segment is a jump in positions, which the caller looks for.
      expect(read.filter((position) => position < 40 || position >= 80)).toHaveLength(80)
    }),
    { numRuns: 150 },
  )
})

test('a segment that was cut short is read as far as it is whole, and reported', () => {
  const length = readFileSync(path(2)).length
  truncateSync(path(2), length - 8192)
  const read = positionsRead()
  expect(read.filter((position) => position < 40 || position >= 80)).toHaveLength(80)
  expect(harness.reported()).toContain('journal.damaged')
})

test('a writer does not need the older segments to know where it stands', () => {
  rmSync(path(2))
  const writer = harness.openWriter({}, clock)
  expect(writer.append([slabAt('a@1', 120, 1)])[0]!.firstPosition).toBe(120)
  writer.close()
  expect(positionsRead()).toEqual([...range(0, 40), ...range(80, 121)])
})

test('retention removes a damaged segment by the age of its file', () => {
  writeFileSync(path(1), Buffer.alloc(20_000, 'x'))
  const writer = harness.openWriter({ maxAgeMs: 1_000 }, clock)
  expect(writer.retain(new Map(), 0)).toEqual([])
  expect(writer.retain(new Map(), Number.MAX_SAFE_INTEGER)).toMatchObject([{ cause: 'age' }])
  writer.close()
  expect(listSegments(harness.folder)).toEqual([2, 3])
})

function foreignDatabase(): Uint8Array {
  const foreign = sqliteHarness()
  const file = segmentPath(foreign.folder, 1)
  const db = new DatabaseSync(file)
  db.exec('CREATE TABLE batch (x); INSERT INTO batch VALUES (1)')
  db.close()
  const content = readFileSync(file)
  foreign.dispose()
  return content
}

// The writer makes a segment in two steps: its first page, with a rollback journal that says how
// to undo it, then WAL. A cut between them leaves the journal hot, and a reader may not undo it.
test.for([
  { what: 'before its first page', kept: 0 },
  { what: 'after its first page', kept: 4096 },
  { what: 'before its last page', kept: Infinity },
])('a segment whose making a power cut interrupted $what is passed over, then finished', (cut) => {
  const making = join(harness.folder, 'making')
  const database = new DatabaseSync(making)
  database.exec('PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x)')
  for (let i = 0; i < 200; i++) database.exec('INSERT INTO t VALUES (zeroblob(4000))')
  const hot = readFileSync(`${making}-journal`)
  const pages = readFileSync(making)
  database.close()
  rmSync(making)
  writeFileSync(`${path(SEGMENTS + 1)}-journal`, hot)
  writeFileSync(path(SEGMENTS + 1), pages.subarray(0, cut.kept))

  expect(positionsRead()).toEqual(range(0, SEGMENTS * PER_SEGMENT))
  expect(harness.reported()).toEqual([])
  const writer = harness.openWriter({}, clock)
  expect(writer.append([slabAt('a@1', 120, 1)])[0]!.firstPosition).toBe(120)
  writer.close()
  expect(positionsRead()).toEqual(range(0, SEGMENTS * PER_SEGMENT + 1))
  expect(harness.reported()).not.toContain('journal.damaged')
})
