import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { JournalReader } from '../../../src/ingest/journal/journal.ts'
import { listSegments, segmentPath } from '../../../src/ingest/journal/segment.ts'
import { recordsOf } from '../../contracts/slab-builder.ts'
import { recordAt } from './numbered-records.ts'
import { sqliteHarness } from './sqlite-harness.ts'

const CYCLES = 20

let harness: ReturnType<typeof sqliteHarness>
beforeEach(() => void (harness = sqliteHarness()))
afterEach(() => harness.dispose())

test('whatever was acknowledged before a kill -9 is read back whole, over 20 kills', async () => {
  /** One above the highest acknowledged position. */
  const acknowledged = new Map<string, number>()
  /** Up to where every record was compared already. */
  const verified = new Map<string, number>()
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    await appendUntilKilled(harness.folder, 1 + ((cycle * 37) % 40), acknowledged)
    const reader = harness.openReader()
    for (const [partition, next] of acknowledged) {
      const end = readOn(reader, partition, verified.get(partition) ?? 0)
      expect(end, `${partition} after kill ${cycle + 1}`).toBeGreaterThanOrEqual(next)
      verified.set(partition, end)
    }
    reader.close()
  }
  const reader = harness.openReader()
  for (const { partition, next } of reader.partitions()) {
    expect(readOn(reader, partition, 0)).toBe(next)
    expect(next).toBe(verified.get(partition))
  }
  reader.close()
  expect([...acknowledged.values()].reduce((a, b) => a + b)).toBeGreaterThan(CYCLES * 10)
  expect(listSegments(harness.folder).length).toBeGreaterThan(2)
  for (const no of listSegments(harness.folder)) {
    expect(integrityOf(segmentPath(harness.folder, no))).toBe('ok')
  }
  expect(harness.reported()).toEqual([])
}, 120_000)

/** Starts a writer and kills it as soon as it has printed so many lines, wherever it then is. */
async function appendUntilKilled(
  folder: string,
  lines: number,
  acknowledged: Map<string, number>,
): Promise<void> {
  const script = fileURLToPath(new URL('./append-until-killed.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (text) => (errors += String(text)))
  const ended = once(child, 'close')
  let seen = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [, partition, first, count] = /^(\S+) (\d+) (\d+)$/.exec(line)!
    acknowledged.set(partition!, Number(first) + Number(count))
    if (++seen === lines) child.kill('SIGKILL')
  }
  const [, signal] = (await ended) as [number | null, string | null]
  expect(signal, errors).toBe('SIGKILL')
}

/** Reads the partition from a batch's beginning, comparing every record; returns its end. */
function readOn(reader: JournalReader, partition: string, from: number): number {
  let next = from
  for (const batch of reader.read(partition, from)) {
    expect(batch.first).toBe(next)
    const expected = Array.from({ length: batch.count }, (_, i) => recordAt(partition, next + i))
    if (recordsOf(batch).join('\n') !== expected.join('\n')) {
      throw new Error(`${partition}:${next}: the records differ from those appended`)
    }
    next += batch.count
  }
  return next
}

function integrityOf(path: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare('PRAGMA integrity_check').get()!['integrity_check']
  } finally {
    db.close()
  }
}
