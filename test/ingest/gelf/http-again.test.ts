/** `?partial=1` and `Idempotency-Key` over the wire. */
import { afterEach, describe, expect, test } from 'vitest'

import { gelfHttpSource } from '../../../src/ingest/gelf/http.ts'
import type { JournalRequest } from '../../../src/ingest/journal/journal.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { inputOfPartition } from '../../../src/model/slab.ts'
import { gelf, MemorySink, RECEIVED_MS } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

async function open(sink = new MemorySink(), requests: readonly JournalRequest[] = []) {
  const clock = () => RECEIVED_MS
  const source = gelfHttpSource({ ...sink.parts, clock, requests })
  const { port } = await source.start()
  cleanUps.add('source', () => source.stop())
  const post = async (body: string, { query = '', ...headers }: Record<string, string> = {}) => {
    const init = { method: 'POST', headers, body: Buffer.from(body) }
    const response = await fetch(`http://127.0.0.1:${port}/gelf${query}`, init)
    return [response.status, (await response.json()) as object, response.headers] as const
  }
  return { sink, post }
}

describe('?partial=1 (H5)', () => {
  const lines = (count: number, bad: readonly number[]) =>
    Array.from({ length: count }, (_, i) => (bad.includes(i + 1) ? '{"bad":' : gelf(`m${i}`)))

  test('keeps the good lines and lists the bad ones', async () => {
    const { sink, post } = await open()
    const [status, body] = await post(lines(1_000, [7, 999]).join('\n'), { query: '?partial=1' })
    const error = { reason: 'json', detail: 'it is not valid JSON' }
    expect([status, body]).toEqual([
      202,
      { accepted: 998, rejected: 2, errors: [7, 999].map((line) => ({ line, ...error })) },
    ])
    expect(sink.records).toBe(998)
    expect(sink.count('input.rejected', 'json')).toBe(2)
    expect(sink.count('input.accepted')).toBe(998)
  })

  test('in an array goes by index, and lists at most a hundred', async () => {
    const { post } = await open()
    const bad = Array.from({ length: 150 }, () => '{"host":1}')
    const [, body] = await post(`[${[gelf('one'), ...bad].join(',')}]`, { query: '?partial=1' })
    expect(body).toMatchObject({ accepted: 1, rejected: 150 })
    const { errors } = body as { errors: object[] }
    expect(errors).toHaveLength(100)
    expect(errors[0]).toMatchObject({ index: 1, reason: 'host' })
  })

  test('with no good one among them is refused as a whole', async () => {
    const { sink, post } = await open()
    const [status, body] = await post('{"a":1}\n{"b":2}', { query: '?partial=1' })
    expect([status, body]).toEqual([400, expect.objectContaining({ line: 1 })])
    expect(sink.records).toBe(0)
  })

  test('is not what happens unasked: one bad of a thousand refuses all, with its line', async () => {
    const { sink, post } = await open()
    const [status, body] = await post(lines(1_000, [500]).join('\n'))
    expect([status, body]).toEqual([400, expect.objectContaining({ line: 500, reason: 'json' })])
    expect(sink.records).toBe(0)
  })
})

describe('Idempotency-Key (H7)', () => {
  test('a request that is sent again is answered as before and taken once', async () => {
    const { sink, post } = await open()
    const headers = { 'idempotency-key': 'k-1' }
    const [first, again] = [await post(gelf('one'), headers), await post(gelf('one'), headers)]
    expect([first[0], first[1]]).toEqual([202, { accepted: 1 }])
    expect([again[0], again[1]]).toEqual([202, { accepted: 1 }])
    expect([first, again].map(([, , head]) => head.get('idempotency-replayed'))).toEqual([
      null,
      'true',
    ])
    expect(sink.messages).toEqual(['one'])
    expect((await post(gelf('other'), headers))[0]).toBe(422)
    expect((await post(gelf('one'), { ...headers, query: '?partial=1' }))[0]).toBe(422)
    expect(sink.messages).toEqual(['one'])
  })

  test('one that the journal refused may come again', async () => {
    const { sink, post } = await open()
    const headers = { 'idempotency-key': 'k-1' }
    sink.outcome = 'refused'
    expect((await post(gelf('one'), headers))[0]).toBe(503)
    sink.outcome = 'durable'
    expect((await post(gelf('one'), headers))[0]).toBe(202)
    expect(sink.count('input.accepted')).toBe(1)
  })

  test('what was kept with the records is known to the next process', async () => {
    const before = await open()
    await before.post(gelf('one'), { 'idempotency-key': 'k-1' })
    const kept = before.sink.slabs.map(({ request, partition, receivedMs }) => ({
      ...request!,
      input: inputOfPartition(partition),
      atMs: receivedMs,
    }))
    const { sink, post } = await open(new MemorySink(), kept)
    const [status, body] = await post(gelf('one'), { 'idempotency-key': 'k-1' })
    expect([status, body]).toEqual([202, { accepted: 1 }])
    expect(sink.records).toBe(0)
  })
})
