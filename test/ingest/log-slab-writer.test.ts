import { describe, expect, it } from 'vitest'

import { LogSlabWriter } from '../../src/ingest/log-slab-writer.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import type { Slab } from '../../src/model/slab.ts'

const NOW_MS = 1_790_000_000_000

function writer() {
  const slabs: { readonly slab: Slab; readonly maxTimeMs: number }[] = []
  const seen: { readonly ordinal: number; readonly receivedMs: number }[] = []
  const told: Occurrence[] = []
  const made = new LogSlabWriter({
    partition: 'orders#t/A/0@3',
    thread: 2,
    clock: new ManualClock(NOW_MS).now,
    report: (occurrence) => told.push(occurrence),
    event: new GelfEvent(),
    onRecord: ({ receivedMs }, ordinal) => seen.push({ ordinal, receivedMs }),
    onSlab: (slab, maxTimeMs) => slabs.push({ slab, maxTimeMs }),
  })
  return { writer: made, slabs, seen, told }
}

function gelf(fields: Readonly<Record<string, unknown>> = {}): Buffer {
  return Buffer.from(JSON.stringify({ version: '1.1', host: 'h', short_message: 'm', ...fields }))
}

describe('records of a log on their way to the journal', () => {
  it('are received at their own time, and never after our clock', () => {
    const { writer: sink, slabs, seen } = writer()
    sink.accept(gelf(), NOW_MS - 5_000)
    sink.accept(gelf(), NOW_MS + 60_000)
    sink.accept(gelf(), -1)
    void sink.seal(44)
    const times = [NOW_MS - 5_000, NOW_MS, NOW_MS]
    expect(seen.map(({ receivedMs }) => receivedMs)).toEqual(times)
    const { slab, maxTimeMs } = slabs[0]!
    expect(slab.source).toEqual({ to: 44, times: Float64Array.from(times), poison: [] })
    expect(slab).toMatchObject({ thread: 2, seq: 0, receivedMs: NOW_MS - 5_000 })
    expect(maxTimeMs).toBe(NOW_MS)
  })

  it('that nobody can read are kept among the others, and shown to no rule', () => {
    const { writer: sink, slabs, seen } = writer()
    sink.accept(gelf(), NOW_MS)
    sink.poison(Buffer.from('{'), NOW_MS, 'json')
    expect(sink.accept(Buffer.from('no'), NOW_MS)).toBe('json')
    sink.accept(gelf(), NOW_MS)
    void sink.seal(9)
    const { slab } = slabs[0]!
    expect(slab.offsets).toHaveLength(4)
    expect(Buffer.from(slab.bytes.subarray(slab.offsets[1], slab.offsets[2])).toString()).toBe('{')
    expect(slab.source!.poison).toEqual([{ ordinal: 1, reason: 'json' }])
    expect(seen.map(({ ordinal }) => ordinal)).toEqual([0, 2])
  })

  it('wait for the slab before: one at a time, so that the journal holds no hole', async () => {
    const { writer: sink } = writer()
    sink.accept(gelf(), NOW_MS)
    const first = sink.seal(1)
    sink.accept(gelf(), NOW_MS)
    expect(() => sink.seal(2)).toThrow(/not answered/)
    let isReady = false
    const ready = sink.ready().then(() => (isReady = true))
    await Promise.resolve()
    expect(isReady).toBe(false)
    sink.settle('refused')
    await expect(first).resolves.toBe('refused')
    await ready
    const second = sink.seal(2)
    sink.settle('durable')
    await expect(second).resolves.toBe('durable')
  })

  it('need no journal where there are none: marks and tombstones only move the offset', async () => {
    const { writer: sink, slabs } = writer()
    await expect(sink.seal(12)).resolves.toBe('durable')
    expect(slabs).toEqual([])
  })

  it('are counted where something was odd', () => {
    const { writer: sink, told } = writer()
    sink.accept(gelf({ host: undefined }), NOW_MS)
    void sink.seal(1)
    const labels = { input: 'orders', flag: 'missing_source' }
    expect(told).toEqual([{ name: 'input.flagged', labels, count: 1 }])
  })
})
