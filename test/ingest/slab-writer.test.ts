import { describe, expect, test } from 'vitest'

import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { MAX_SLAB_RECORDS, SlabWriter } from '../../src/ingest/slab-writer.ts'
import type { Outcome, SlabWriterOptions } from '../../src/ingest/slab-writer.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import { selfMarker, selfMaterial, verifySelfMarker } from '../../src/lib/self-marker.ts'
import { slabCount } from '../../src/model/slab.ts'
import type { Slab } from '../../src/model/slab.ts'
import { gelf, MemorySink, RECEIVED_MS } from './memory-sink.ts'

const clock = new ManualClock(RECEIVED_MS)
const key = Buffer.from('0123456789abcdef')

function open(options: Partial<SlabWriterOptions> = {}) {
  const seen: [message: unknown, ordinal: number, maxTimeMs: number][] = []
  const slabs: { slab: Slab; maxTimeMs: number }[] = []
  let aborts = 0
  const writer = new SlabWriter({
    partition: 'test@1',
    thread: 3,
    clock: clock.now,
    event: new GelfEvent({
      verifySelf: (marker, material) => verifySelfMarker(key, marker, material),
    }),
    onRecord: (view, ordinal, maxTimeMs) => seen.push([view.get('message'), ordinal, maxTimeMs]),
    onSlab: (slab, maxTimeMs) => slabs.push({ slab, maxTimeMs }),
    onAbort: () => aborts++,
    ...options,
  })
  const take = (text: string) => {
    const bytes = Buffer.from(`..${text}..`)
    return writer.accept(bytes, 2, bytes.length - 2)
  }
  return { writer, seen, slabs, take, aborts: () => aborts }
}

const text = (slab: Slab, i: number) =>
  Buffer.from(slab.bytes).toString('utf8', slab.offsets[i], slab.offsets[i + 1])

describe('while the journal is busy', () => {
  const busy = () => {
    const one = open()
    for (let i = 0; i < 2; i++) {
      one.take(gelf('before'))
      one.writer.seal()
    }
    one.take(gelf('next'))
    return one
  }

  test('a small slab may wait for more, until one that is under way is settled', () => {
    const { writer } = busy()
    expect(writer.mayWait).toBe(true)
    writer.settle(0, 'durable')
    expect(writer.mayWait).toBe(false)
  })

  test.each<[string, (one: ReturnType<typeof open>) => void]>([
    ['of many records', ({ take }) => Array.from({ length: 512 }, () => take(gelf('x')))],
    ['of many bytes', ({ take }) => take(gelf('x'.repeat(65_536)))],
    ['that has waited', () => clock.advance(100)],
  ])('one %s does not wait', (_what, grow) => {
    const one = busy()
    grow(one)
    expect(one.writer.mayWait).toBe(false)
  })

  test('a read that filled a slab is sealed, because only that tells how it ended', () => {
    const { writer, take } = busy()
    for (let i = 0; i < MAX_SLAB_RECORDS; i++) take(gelf('x'))
    expect(writer.mayWait).toBe(false)
  })
})

describe('a slab', () => {
  test('holds the records of one read as they came, under one receive time', () => {
    const { writer, slabs, take } = open()
    take(gelf('ä'))
    clock.advance(50)
    take(gelf('b'))
    writer.seal()
    take(gelf('c'))
    writer.seal()
    expect(
      slabs.map(({ slab }) => [slab.partition, slab.thread, slab.seq, slab.receivedMs]),
    ).toEqual([
      ['test@1', 3, 0, clock.now() - 50],
      ['test@1', 3, 1, clock.now()],
    ])
    expect([text(slabs[0]!.slab, 0), text(slabs[0]!.slab, 1), text(slabs[1]!.slab, 0)]).toEqual([
      gelf('ä'),
      gelf('b'),
      gelf('c'),
    ])
    expect(slabs[0]!.slab.bytes.length).toBe(slabs[0]!.slab.offsets[2])
  })

  test('keeps its bytes when the next one is written', () => {
    const { writer, slabs, take } = open()
    take(gelf('first'))
    writer.seal()
    take(gelf('other'))
    writer.seal()
    expect(text(slabs[0]!.slab, 0)).toBe(gelf('first'))
  })

  test('moves its greatest time by min(time, received), never back', () => {
    const { seen, take, writer, slabs } = open()
    const now = clock.now()
    take(gelf('late', { timestamp: (now - 9_000) / 1000 }))
    take(gelf('fast', { timestamp: (now + 9_000) / 1000 }))
    take(gelf('late', { timestamp: (now - 8_000) / 1000 }))
    writer.seal()
    expect(seen.map(([, ordinal, maxTimeMs]) => [ordinal, maxTimeMs])).toEqual([
      [0, now - 9_000],
      [1, now],
      [2, now],
    ])
    expect(slabs[0]!.maxTimeMs).toBe(now)
    take(gelf('late', { timestamp: (now - 7_000) / 1000 }))
    writer.seal()
    expect(slabs[1]!.maxTimeMs).toBe(now - 7_000)
  })

  test('holds records of our own log, which move it but which no rule sees (I12)', () => {
    const sink = open()
    const timestampMs = clock.now() - 1_000
    const marker = selfMarker(key, selfMaterial(timestampMs, { source: 'web-1', message: 'ours' }))
    sink.take(gelf('ours', { timestamp: timestampMs / 1000, _tocsin_self: marker }))
    sink.take(gelf('theirs', { timestamp: (timestampMs - 1_000) / 1000 }))
    sink.writer.seal()
    expect(slabCount(sink.slabs[0]!.slab)).toBe(2)
    expect(sink.seen).toEqual([['theirs', 1, timestampMs]])
  })

  test('leaves out what is no record, and says why', () => {
    const { writer, seen, slabs, take } = open()
    expect([take('{'), take('nonsense'), take(gelf('good')), take('[]')]).toEqual([
      'too_short',
      'json',
      undefined,
      'not_an_object',
    ])
    writer.seal()
    expect([seen, slabCount(slabs[0]!.slab)]).toEqual([[['good', 0, clock.now()]], 1])
  })

  test('is not made of nothing', () => {
    const { writer, slabs, take } = open()
    writer.seal(() => expect.unreachable())
    take('nonsense')
    writer.seal(() => expect.unreachable())
    expect(slabs).toEqual([])
  })

  test('grows for long records and is split before it has more than 4 MiB or 5,000 records', () => {
    const { writer, slabs, take } = open()
    const long = gelf('x'.repeat(1_000_000))
    for (let i = 0; i < 5; i++) take(long)
    writer.seal()
    expect(slabs.map(({ slab }) => slabCount(slab))).toEqual([4, 1])
    expect(text(slabs[0]!.slab, 3)).toBe(long)
    for (let i = 0; i < MAX_SLAB_RECORDS + 2; i++) take(gelf(`${i}`))
    writer.seal()
    expect(slabs.slice(2).map(({ slab }) => slabCount(slab))).toEqual([MAX_SLAB_RECORDS, 2])
    expect(slabs.map(({ slab }) => slab.seq)).toEqual([0, 1, 2, 3])
  })
})

describe('abort', () => {
  test('forgets what was accepted since the last seal, and nothing more', () => {
    const { writer, slabs, take, aborts } = open()
    take(gelf('kept'))
    writer.seal()
    take(gelf('gone', { timestamp: 1 }))
    writer.abort()
    take(gelf('next'))
    writer.seal()
    expect([
      slabs.map(({ slab }) => text(slab, 0)),
      slabs.map(({ slab }) => slab.seq),
      aborts(),
    ]).toEqual([[gelf('kept'), gelf('next')], [0, 1], 1])
  })

  test('a request of 5,000 records is one slab, so all of it can be forgotten', () => {
    const { writer, slabs, take } = open()
    for (let i = 0; i < MAX_SLAB_RECORDS; i++) take(gelf(`${i}`))
    writer.abort()
    writer.seal()
    expect(slabs).toEqual([])
  })

  test('what was split already cannot be taken back without anyone noticing', () => {
    const { writer, take } = open()
    for (let i = 0; i <= MAX_SLAB_RECORDS; i++) take(gelf(`${i}`))
    expect(() => writer.abort()).toThrow('larger than a slab')
  })

  test('forgets the flags', () => {
    const sink = new MemorySink()
    const take = (line: string) => sink.writer.accept(Buffer.from(line), 0, line.length)
    take('{"message":"no host"}')
    sink.writer.abort()
    take('{"message":"no host"}')
    take('{"message":"no host","a":1,"a":2}')
    sink.writer.seal()
    expect([
      sink.count('input.flagged', 'missing_source'),
      sink.count('input.flagged', 'duplicate_key'),
    ]).toEqual([2, 1])
  })
})

describe('the journal answers', () => {
  test('each seal is told once, when its slab is settled, in whatever order', () => {
    const { writer, take } = open()
    const told: [string, Outcome][] = []
    for (const name of ['a', 'b']) {
      take(gelf(name))
      writer.seal((outcome) => told.push([name, outcome]))
    }
    writer.settle(1, 'durable')
    writer.settle(0, 'refused')
    expect(told).toEqual([
      ['b', 'durable'],
      ['a', 'refused'],
    ])
    expect(() => writer.settle(0, 'durable')).toThrow('not open')
  })

  test('a split run is durable when all of its slabs are', () => {
    for (const outcomes of [
      ['durable', 'durable'],
      ['refused', 'durable'],
      ['durable', 'refused'],
    ] as const) {
      const { writer, take } = open()
      const told: Outcome[] = []
      for (let i = 0; i <= MAX_SLAB_RECORDS; i++) take(gelf(`${i}`))
      writer.settle(0, outcomes[0])
      writer.seal((outcome) => told.push(outcome))
      expect(told).toEqual([])
      writer.settle(1, outcomes[1])
      expect(told).toEqual([outcomes.includes('refused' as never) ? 'refused' : 'durable'])
    }
  })

  test('an answer within the hand-over is an answer', () => {
    const told: Outcome[] = []
    const sink = open({ onSlab: (slab) => sink.writer.settle(slab.seq, 'durable') })
    sink.take(gelf('a'))
    sink.writer.seal((outcome) => told.push(outcome))
    expect([told, sink.writer.unsettledBytes]).toEqual([['durable'], 0])
  })

  test('too many bytes without an answer are an overload until it comes', () => {
    const record = gelf('a')
    const { writer, take } = open({ maxUnsettledBytes: 2 * record.length })
    expect([take(record), take(record), take(record)]).toEqual([undefined, undefined, 'overload'])
    writer.seal()
    expect([take(record), writer.unsettledBytes]).toEqual(['overload', 2 * record.length])
    writer.settle(0, 'durable')
    expect([take(record), writer.unsettledBytes]).toEqual([undefined, record.length])
  })
})
