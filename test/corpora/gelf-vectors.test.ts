import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { corpus } from './corpus.ts'
import { deliver, httpRequest } from './gelf-transport.ts'
import type { Transport } from './gelf-transport.ts'

interface Vector {
  readonly id: string
  readonly transport: Transport
  readonly packets_hex: readonly string[]
  readonly headers?: Record<string, string>
  readonly confidence: 'high' | 'medium' | 'low'
  readonly expect: {
    readonly accepted: number | string
    readonly status?: number | string
    readonly messages?: readonly ExpectedMessage[]
    readonly fields_n?: readonly number[]
    readonly timestamp?: string
  }
}

interface ExpectedMessage {
  readonly source?: string
  readonly message?: string
  readonly full_message?: string
  readonly timestamp?: number
  readonly level?: number
  readonly fields?: Record<string, unknown>
  readonly absent_fields?: readonly string[]
}

const vectors = readFileSync(corpus('gelf/vectors.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)

/**
 * Where we do otherwise than stated, with the number of messages that we accept:
 * - `trailing-comma` (medium): Graylog's parser takes it. We take JSON as RFC 8259 says it, so that
 *   a record means the same to every tool that reads it back; refused and counted as `json`.
 */
const OTHERWISE: Record<string, number> = { 'trailing-comma': 0 }

/**
 * Where several answers are right, ours: what is not one clean JSON text is refused.
 * - `five-objects-one-packet`, `bom`, `utf8-invalid`: refused whole, never taken in part;
 * - `chunk-count-changes`: the set is given up, its other chunks never make a message;
 * - `tcp-crlf-delimited`: with the NUL delimiter all of it is one frame, which is no JSON;
 * - `tcp-frame-3MiB`: the long frame is skipped, the connection stays and the second arrives
 *   (Graylog resets it and loses both).
 */
const OURS: Record<string, number> = {
  'five-objects-one-packet': 0,
  bom: 0,
  'utf8-invalid': 0,
  'chunk-count-changes': 0,
  'tcp-crlf-delimited': 0,
  'tcp-frame-3MiB': 1,
}

/** `@REPEAT_x_3000@` in a packet stands for that many of the character. */
function packetOf(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex')
  if (!bytes.includes('@REPEAT_')) return bytes
  return Buffer.from(
    bytes
      .toString()
      .replace(/@REPEAT_(.)_(\d+)@/g, (_, char: string, times) => char.repeat(Number(times))),
  )
}

function packetsOf({ transport, packets_hex, headers = {} }: Vector): Buffer[] {
  const packets = packets_hex.map(packetOf)
  return transport === 'http' ? packets.map((body) => httpRequest(body, headers)) : packets
}

describe('vectors of real GELF servers and of our own', () => {
  test.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (id, vector) => {
    const { events, sink, statuses } = await deliver(vector.transport, packetsOf(vector))
    const stated = vector.expect.accepted
    const accepted = OTHERWISE[id] ?? (typeof stated === 'number' ? stated : OURS[id])
    if (vector.confidence === 'high') expect(accepted).toBe(stated)
    expect(events).toHaveLength(accepted!)
    // What did not become a message was counted, once or more; nothing is dropped in silence.
    if (accepted === 0 && id !== 'chunk-count-changes')
      expect(sink.count('input.rejected')).toBeGreaterThan(0)

    for (const [i, message] of (vector.expect.messages ?? []).entries()) {
      const { fields = {}, absent_fields: absent = [], timestamp, ...core } = message
      expect(events[i]).toMatchObject({ ...core, ...fields })
      if (timestamp !== undefined)
        expect(events[i]!['timestamp']).toBe(Math.trunc(timestamp * 1000))
      for (const name of absent) expect(events[i]).not.toHaveProperty(name)
    }
    const { fields_n, timestamp, status } = vector.expect
    if (fields_n !== undefined) expect(events.map((event) => event['n'])).toEqual(fields_n)
    if (timestamp === 'receive time')
      expect(sink.count('input.flagged', 'timestamp_replaced')).toBe(1)
    if (status !== undefined) expect(String(status).split(' or ')).toContain(String(statuses[0]))
  })
})

test('a number beyond 2^53 is kept as it was written', async () => {
  const vector = vectors.find(({ id }) => id === 'gelf-bigint-field')!
  const { events } = await deliver('udp', packetsOf(vector))
  // As text, because no JavaScript number says it.
  expect(events[0]!['i']).toBe('9007199254740993')
})

test('milliseconds and impossible times do not move an event out of its window', async () => {
  const times = []
  for (const name of ['gelf-timestamp-ms', 'gelf-timestamp-1e308']) {
    const { events, sink } = await deliver('udp', packetsOf(vectors.find(({ id }) => id === name)!))
    times.push([events[0]!['timestamp'], sink.count('input.flagged', 'timestamp_replaced')])
  }
  // The first was meant in milliseconds; the second is no time, so it has that of its receipt.
  expect(times).toEqual([
    [1_500_646_980_661, 0],
    [expect.any(Number), 1],
  ])
})
