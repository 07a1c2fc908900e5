import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type JournalBatch,
  type JournalReader,
  type JournalWriter,
  JournalWriteError,
} from '../../src/ingest/journal/journal.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { SlabSource } from '../../src/model/slab.ts'
import { recordsOf, slab, textOf } from './slab-builder.ts'

/** A journal under test: one place that writers and readers are opened on again and again. */
export interface JournalHarness {
  openWriter(limits: JournalLimits, clock: ManualClock): JournalWriter
  openReader(): JournalReader
  /**
   * Makes the next appends of a writer opened with `maxSegmentBytes: 1` fail as a disk does;
   * returns what heals it.
   */
  breakDisk(): () => void
  /** What was reported since the last call, by name. */
  reported(): string[]
  dispose(): void
}

interface JournalLimits {
  readonly maxSegmentBytes?: number
  readonly maxSegmentMs?: number
  readonly maxAgeMs?: number
  readonly maxBytes?: number
}

const START_MS = 1_790_000_000_000
/** Where a slab of so many records was read from. */
const sourceOf = fc
  .record({
    to: fc.maxSafeNat(),
    times: fc.array(fc.integer({ min: 1, max: 4e12 }), { minLength: 50, maxLength: 50 }),
    poison: fc.uniqueArray(fc.nat({ max: 49 })),
  })
  .map(({ to, times, poison }) => ({
    to,
    of: (count: number): SlabSource => ({
      to,
      times: Float64Array.from(times.slice(0, count)),
      poison: poison
        .filter((ordinal) => ordinal < count)
        .toSorted((a, b) => a - b)
        .map((ordinal) => ({ ordinal, reason: 'json' })),
    }),
  }))

const PARTITIONS = ['payments@1', 'payments@2', 'syslog@1'] as const

/** What every journal promises (src/ingest/journal/journal.ts), whatever it is kept in. */
export function journalContract(name: string, makeHarness: () => JournalHarness): void {
  describe(`the journal contract: ${name}`, () => {
    let harness: JournalHarness
    let clock: ManualClock
    const opened: { close(): void }[] = []
    const track = <T extends { close(): void }>(one: T): T => {
      opened.push(one)
      return one
    }
    const openWriter = (limits: JournalLimits = {}) => track(harness.openWriter(limits, clock))
    const openReader = () => track(harness.openReader())

    beforeEach(() => {
      harness = makeHarness()
      clock = new ManualClock(START_MS)
    })
    afterEach(() => {
      for (const one of opened.splice(0)) one.close()
      harness.dispose()
    })

    test('a request is remembered with its slab, over segments and restarts, the newest first', () => {
      const keys = (reader: JournalReader, since: number, limit = 10) =>
        reader
          .requestsSince(since, limit)
          .map(({ input, key, answer }) => `${input} ${key[0]} ${answer}`)
          .toSorted()
      for (let key = 1; key <= 3; key++) {
        const writer = openWriter({ maxSegmentBytes: key === 2 ? 1 : 1_000_000 })
        const request = { key: Uint8Array.of(key), body: Uint8Array.of(0), answer: `"${key}"` }
        writer.append([{ ...slab('payments@1', ['record'], key), request }])
        writer.append([slab('payments@1', ['a record without one'], key)])
        writer.close()
      }
      const reader = openReader()
      const all = [1, 2, 3].map((key) => `payments ${key} "${key}"`)
      expect(keys(reader, 0)).toEqual(all)
      expect(keys(reader, START_MS + 1e9)).toEqual([])
      expect(keys(reader, 0, 2)).toEqual(all.slice(1))
    })

    test('how far a log was read comes back with its records, whole or not at all', () => {
      fc.assert(
        fc.property(
          fc.array(fc.string(), { minLength: 1, maxLength: 50 }),
          sourceOf,
          (records, of) => {
            const writer = openWriter()
            const partition = `orders#t/${of.to}/${records.length}@1`
            const source = of.of(records.length)
            const [durable] = writer.append([{ ...slab(partition, records, 0), source }])
            writer.append([slab('payments@1', ['of a socket'], 0)])
            writer.close()
            const reader = openReader()
            const [batch] = [...reader.read(partition, durable!.firstPosition)]
            expect(recordsOf(batch!)).toEqual(records.map((one) => textOf(Buffer.from(one))))
            expect(batch!.source).toEqual(source)
            expect(reader.at(partition, durable!.firstPosition)!.receivedMs).toBe(source.times[0])
            expect([...reader.read('payments@1', 0)][0]!.source).toBeUndefined()
            reader.close()
          },
        ),
        { numRuns: 25 },
      )
    })

    test('random slabs come back whole, dense, in order, over segments and restarts', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 10 }), fc.nat(), (steps, salt) => {
          const own = makeHarness()
          const time = new ManualClock(START_MS)
          const limits = { maxSegmentBytes: 40_000, maxSegmentMs: 60_000 }
          let writer = own.openWriter(limits, time)
          const reader = own.openReader()
          try {
            const model: JournalBatch[] = []
            for (const { slabs, isReopened, advanceMs } of steps) {
              if (isReopened) {
                writer.close()
                writer = own.openWriter(limits, time)
              }
              time.advance(advanceMs)
              appendToModel(model, writer, slabs, time.now())
              expectSame(reader, model, salt)
            }
          } finally {
            writer.close()
            reader.close()
            own.dispose()
          }
        }),
        { numRuns: 25 },
      )
    })

    test('the answers name each slab, in the order it was given, with dense positions', () => {
      const writer = openWriter()
      const slabs = [slab('a@1', ['x', 'yy'], 7), slab('b@1', ['z'], 8), slab('a@1', ['w'], 9)]
      expect(writer.append(slabs)).toEqual([
        { partition: 'a@1', thread: 0, seq: 7, count: 2, firstPosition: 0 },
        { partition: 'b@1', thread: 0, seq: 8, count: 1, firstPosition: 0 },
        { partition: 'a@1', thread: 0, seq: 9, count: 1, firstPosition: 2 },
      ])
      expect(writer.append([slab('a@1', ['v'], 10)])[0]!.firstPosition).toBe(3)
    })

    test('a slab without records is answered and takes no place', () => {
      const writer = openWriter()
      expect(writer.append([slab('a@1', [], 1), slab('a@1', ['x'], 2)])).toMatchObject([
        { count: 0, firstPosition: 0 },
        { count: 1, firstPosition: 0 },
      ])
      expect([...openReader().read('a@1', 0)]).toHaveLength(1)
    })

    test('a reader opened before anything was written sees all that is committed later', () => {
      const reader = openReader()
      expect(reader.partitions()).toEqual([])
      expect([...reader.read('a@1', 0)]).toEqual([])
      const writer = openWriter({ maxSegmentBytes: 1 })
      for (let i = 0; i < 5; i++) {
        writer.append([slab('a@1', [`record ${i}`], i)])
        expect(texts(reader.read('a@1', 0))).toHaveLength(i + 1)
      }
    })

    test('an iteration that has begun also finds what is committed before it ends', () => {
      const writer = openWriter({ maxSegmentBytes: 1 })
      writer.append([slab('a@1', ['first'], 0)])
      const seen: string[] = []
      for (const batch of openReader().read('a@1', 0)) {
        seen.push(...recordsOf(batch))
        if (seen.length === 1) writer.append([slab('a@1', ['second'], 1)])
      }
      expect(seen).toEqual(['first', 'second'])
    })

    test('reading begins with the batch that holds the position and ends below the end', () => {
      const writer = openWriter()
      for (let i = 0; i < 4; i++) writer.append([slab('a@1', ['k', 'l', 'm'], i)])
      const reader = openReader()
      const firsts = (from: number, to?: number) =>
        [...reader.read('a@1', from, to)].map(({ first }) => first)
      expect(firsts(4)).toEqual([3, 6, 9])
      expect(firsts(6)).toEqual([6, 9])
      expect(firsts(4, 6)).toEqual([3])
      expect(firsts(4, 7)).toEqual([3, 6])
      expect(firsts(12)).toEqual([])
      expect(firsts(5, 5)).toEqual([])
    })

    test('reading from a time gives what was received then or later, in order of appending', () => {
      const writer = openWriter({ maxSegmentMs: 1_000 })
      for (let i = 0; i < 6; i++) {
        const partition = i % 2 === 0 ? 'a@1' : 'b@1'
        writer.append([slab(partition, [`${i}`], i, clock.now())])
        clock.advance(700)
      }
      const reader = openReader()
      expect(texts(reader.readSince(undefined, START_MS + 2 * 700))).toEqual(['2', '3', '4', '5'])
      expect(texts(reader.readSince('b@1', START_MS + 2 * 700))).toEqual(['3', '5'])
      expect(texts(reader.readSince('b@1', START_MS + 9_999))).toEqual([])
    })

    test('one record is found by its position, with its receive time', () => {
      const writer = openWriter({ maxSegmentBytes: 1 })
      writer.append([slab('a@1', ['x', 'yy', 'zzz'], 0, START_MS + 5)])
      writer.append([slab('a@1', ['w'], 1, START_MS + 6)])
      const reader = openReader()
      const found = reader.at('a@1', 2)
      expect(textOf(found!.bytes)).toBe('zzz')
      expect(found!.receivedMs).toBe(START_MS + 5)
      expect(textOf(reader.at('a@1', 3)!.bytes)).toBe('w')
      expect(reader.at('a@1', 4)).toBeUndefined()
      expect(reader.at('a@1', -1)).toBeUndefined()
      expect(reader.at('c@1', 0)).toBeUndefined()
    })

    test('a writer opened again goes on where the last one ended', () => {
      openWriter().append([slab('a@1', ['x', 'y'], 0), slab('b@1', ['z'], 1)])
      for (const one of opened.splice(0)) one.close()
      const again = openWriter()
      expect(again.append([slab('b@1', ['z'], 0), slab('a@1', ['x'], 1)])).toMatchObject([
        { firstPosition: 1 },
        { firstPosition: 2 },
      ])
    })

    test('positions are not given twice after retention has removed all of a partition', () => {
      const writer = openWriter({ maxSegmentBytes: 1, maxAgeMs: 1 })
      writer.append([slab('a@1', ['x', 'y'], 0, clock.now())])
      clock.advance(1_000)
      writer.append([slab('b@1', ['z'], 0, clock.now())])
      writer.retain(new Map([['a@1', 2]]), clock.now())
      expect(
        openReader()
          .partitions()
          .map(({ partition }) => partition),
      ).toEqual(['b@1'])
      for (const one of opened.splice(0)) one.close()
      expect(openWriter().append([slab('a@1', ['x'], 0)])[0]!.firstPosition).toBe(2)
    })

    test('retention removes by age, oldest first, and only what the core no longer needs', () => {
      const writer = openWriter({ maxSegmentBytes: 1, maxAgeMs: 6_500 })
      for (let i = 0; i < 6; i++) {
        writer.append([slab('a@1', [`${i}`], i, clock.now()), slab('b@1', ['-'], i, clock.now())])
        clock.advance(1_000)
      }
      const reader = openReader()
      const kept = () => texts(reader.read('a@1', 0))
      const both = (position: number) =>
        new Map([
          ['a@1', position],
          ['b@1', position],
        ] as const)

      writer.retain(both(6), clock.now())
      expect(kept(), 'nothing is older than the limit').toHaveLength(6)
      clock.advance(2_000)
      writer.retain(both(1), clock.now())
      expect(kept(), 'the position needed is kept').toEqual(['1', '2', '3', '4', '5'])
      writer.retain(new Map([['a@1', 6]]), clock.now())
      expect(kept(), 'a partition that is not named keeps everything').toHaveLength(5)
      writer.retain(both(6), clock.now())
      expect(kept(), 'only what is old goes').toEqual(['2', '3', '4', '5'])
      clock.advance(1_000_000)
      writer.retain(both(6), clock.now())
      expect(kept(), 'the newest segment stays').toEqual(['5'])
      expect(harness.reported()).toContain('journal.segment_removed')
    })

    test('retention removes by size, and says so when it may not', () => {
      const writer = openWriter({ maxSegmentBytes: 1, maxBytes: 1 })
      for (let i = 0; i < 3; i++) writer.append([slab('a@1', [`${i}`], i)])
      const reader = openReader()
      harness.reported()
      expect(writer.retain(new Map([['a@1', 1]]), clock.now())).toMatchObject([{ cause: 'size' }])
      expect(texts(reader.read('a@1', 0))).toEqual(['1', '2'])
      expect(harness.reported()).toContain('journal.retention_held')
      writer.retain(new Map([['a@1', 1]]), clock.now())
      expect(harness.reported(), 'said once').toEqual([])
    })

    test('retention never passes what is needed, whatever the limits', () => {
      fc.assert(
        fc.property(
          fc.array(fc.nat(2), { minLength: 1, maxLength: 8 }),
          fc.array(fc.option(fc.nat(6)), { minLength: 3, maxLength: 3 }),
          fc.nat(20_000),
          fc.nat(200_000),
          (order, needs, maxAgeMs, maxBytes) => {
            const own = makeHarness()
            const time = new ManualClock(START_MS)
            const writer = own.openWriter({ maxSegmentBytes: 1, maxAgeMs, maxBytes }, time)
            const reader = own.openReader()
            try {
              const model: JournalBatch[] = []
              for (const i of order) {
                time.advance(1_000)
                appendToModel(model, writer, [{ partition: i, records: [[i]] }], time.now())
              }
              const below = new Map<string, number>()
              for (const [i, need] of needs.entries()) {
                if (need !== null) below.set(PARTITIONS[i]!, need)
              }
              writer.retain(below, time.now())
              for (const { partition, first, count } of model) {
                if (first + count <= (below.get(partition) ?? 0)) continue
                expect(reader.at(partition, first)).toBeDefined()
              }
            } finally {
              writer.close()
              reader.close()
              own.dispose()
            }
          },
        ),
        { numRuns: 25 },
      )
    })

    test('an append that the disk refuses keeps nothing, and the next one goes on by itself', () => {
      const writer = openWriter({ maxSegmentBytes: 1 })
      writer.append([slab('a@1', ['kept'], 0)])
      const heal = harness.breakDisk()
      for (let i = 0; i < 3; i++) {
        expect(() => writer.append([slab('b@1', ['lost'], 1), slab('a@1', ['lost'], 2)])).toThrow(
          JournalWriteError,
        )
      }
      expect(harness.reported()).toContain('journal.write_failed')
      heal()
      expect(writer.append([slab('a@1', ['again'], 3)])[0]!.firstPosition).toBe(1)
      expect(harness.reported()).toContain('journal.recovered')
      const reader = openReader()
      expect(texts(reader.readSince(undefined, 0))).toEqual(['kept', 'again'])
      expect(reader.partitions().map(({ partition }) => partition)).toEqual(['a@1'])
    })
  })
}

function texts(batches: Iterable<JournalBatch>): string[] {
  return [...batches].flatMap(recordsOf)
}

interface SlabSpec {
  readonly partition: number
  readonly records: readonly (Uint8Array | readonly number[])[]
}

const step = fc.record({
  isReopened: fc.boolean(),
  advanceMs: fc.nat(40_000),
  slabs: fc.array(
    fc.record({
      partition: fc.nat(PARTITIONS.length - 1),
      records: fc.oneof(
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 5 }),
        // Long enough to be compressed, with lengths of one, two and three LEB128 bytes.
        fc
          .tuple(fc.nat(255), fc.constantFrom(100, 600, 20_000))
          .map(([byte, length]) => [new Uint8Array(length).fill(byte), new Uint8Array([byte])]),
      ),
    }),
    { maxLength: 4 },
  ),
})

/** Appends and notes what must be there from now on. */
function appendToModel(
  model: JournalBatch[],
  writer: JournalWriter,
  specs: readonly SlabSpec[],
  receivedMs: number,
): void {
  const slabs = specs.map(({ partition, records }, seq) =>
    slab(
      PARTITIONS[partition]!,
      records.map((record) => Uint8Array.from(record)),
      seq,
      receivedMs,
    ),
  )
  const durables = writer.append(slabs)
  for (const [i, { partition, bytes, offsets }] of slabs.entries()) {
    const count = offsets.length - 1
    const first = nextOf(model, partition)
    expect(durables[i]).toEqual({ partition, thread: 0, seq: i, count, firstPosition: first })
    if (count === 0) continue
    model.push({
      partition,
      first,
      count,
      receivedMs,
      bytes: bytes.subarray(offsets[0], offsets[count]),
      offsets: offsets.map((offset) => offset - offsets[0]!),
    })
  }
}

function nextOf(model: readonly JournalBatch[], partition: string): number {
  const last = model.findLast((batch) => batch.partition === partition)
  return last === undefined ? 0 : last.first + last.count
}

function expectSame(reader: JournalReader, model: readonly JournalBatch[], salt: number): void {
  expect(plain(reader.readSince(undefined, 0))).toEqual(plain(model))
  for (const partition of PARTITIONS) {
    const own = model.filter((batch) => batch.partition === partition)
    const next = nextOf(model, partition)
    expect(plain(reader.read(partition, 0))).toEqual(plain(own))
    const from = salt % (next + 2)
    const to = from + (salt % 7)
    const expected = own.filter(
      ({ first, count }) => from < to && first < to && first + count > from,
    )
    expect(plain(reader.read(partition, from, to))).toEqual(plain(expected))
    const sinceMs = own[salt % (own.length + 1)]?.receivedMs ?? Number.MAX_SAFE_INTEGER
    expect(plain(reader.readSince(partition, sinceMs))).toEqual(
      plain(own.filter(({ receivedMs }) => receivedMs >= sinceMs)),
    )
    const found = reader.at(partition, from)
    const holder = own.find(({ first, count }) => from >= first && from < first + count)
    expect(found === undefined ? undefined : textOf(found.bytes)).toBe(
      holder === undefined ? undefined : recordsOf(holder)[from - holder.first],
    )
  }
  const names = [...PARTITIONS].filter((partition) => nextOf(model, partition) > 0).sort()
  expect(reader.partitions()).toMatchObject(
    names.map((partition) => {
      const own = model.filter((batch) => batch.partition === partition)
      const received = own.map(({ receivedMs }) => receivedMs)
      return {
        partition,
        first: 0,
        next: nextOf(model, partition),
        minReceivedMs: Math.min(...received),
        maxReceivedMs: Math.max(...received),
      }
    }),
  )
}

/** Batches in a form that is compared by content and printed readably. */
function plain(batches: Iterable<JournalBatch>): unknown[] {
  return [...batches].map(({ bytes, offsets, ...place }) => ({
    ...place,
    bytes: textOf(bytes),
    offsets: [...offsets],
  }))
}
