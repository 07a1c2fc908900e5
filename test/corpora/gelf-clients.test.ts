import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { corpus } from './corpus.ts'
import { deliver } from './gelf-transport.ts'
import type { Transport } from './gelf-transport.ts'

interface Capture {
  readonly client: string
  readonly transport: Transport
  readonly packets_hex: readonly string[]
  readonly messages: readonly Record<string, unknown>[]
}

const lines = (path: string) => readFileSync(corpus(path), 'utf8').trim().split('\n')
const captures = lines('gelf/client-captures.jsonl').map((line) => JSON.parse(line) as Capture)

/** What a sender meant, as an event: `undefined` where the field must be missing. */
function fieldsOf(sent: Record<string, unknown>): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(sent)) {
    if (key === 'version') continue
    const name = { host: 'source', short_message: 'message' }[key] ?? key.replace(/^_/, '')
    if (key === 'timestamp') fields[name] = Math.round((value as number) * 1000)
    else if (value === null || value === '') fields[name] = undefined
    else if (typeof value === 'object' || typeof value === 'boolean')
      fields[name] = JSON.stringify(value)
    else fields[name] = value
  }
  return fields
}

describe('bytes of real clients', () => {
  test.each(captures.map((capture) => [capture.client, capture] as const))(
    '%s',
    async (_, capture) => {
      const packets = capture.packets_hex.map((hex) => Buffer.from(hex, 'hex'))
      const { events, statuses } = await deliver(capture.transport, packets)
      expect(events).toHaveLength(capture.messages.length)
      for (const [i, sent] of capture.messages.entries()) {
        expect(events[i], `message ${i}`).toEqual(fieldsOf(sent))
      }
      expect(statuses.every((status) => status === 202)).toBe(true)
    },
  )
})

describe('the output of a real Graylog', () => {
  interface Frame {
    readonly frame: string
  }
  const frames = lines('graylog/output-gelf-tcp.jsonl').map(
    (line) => (JSON.parse(line) as Frame).frame,
  )

  test('is taken as Graylog stored it: its doubles do not win, its level is the true one', async () => {
    const { events } = await deliver('tcp', [
      Buffer.from(frames.map((frame) => `${frame}\0`).join('')),
    ])
    expect(events).toHaveLength(frames.length)
    for (const [i, frame] of frames.entries()) {
      // JSON.parse takes the last of two keys, which is Graylog's own.
      const sent = JSON.parse(frame) as Record<string, unknown>
      const level = sent['_level']
      expect(events[i], frame.slice(0, 200)).toMatchObject({
        source: sent['host'],
        message: sent['short_message'],
        timestamp: Math.round((sent['timestamp'] as number) * 1000),
        graylog_id: sent['_id'],
        forwarder: 'org.graylog2.outputs.GelfOutput',
        gl2_message_id: sent['_gl2_message_id'],
      })
      const isLevel = typeof level === 'number' && level >= 0 && level <= 7
      expect(events[i]!['level']).toBe(isLevel ? level : undefined)
    }
  })

  test.each(['output-gelf-udp.jsonl', 'output-gelf-udp-chunked.jsonl'])(
    'over UDP: %s',
    async (name) => {
      const records = lines(`graylog/${name}`).map(
        (line) => JSON.parse(line) as Record<string, unknown>,
      )
      const packets = records.flatMap(
        (record) => [record['datagram_hex'] ?? record['datagrams_hex'] ?? []].flat() as string[],
      )
      expect(packets.length).toBeGreaterThan(0)
      const { events, sink } = await deliver(
        'udp',
        packets.map((hex) => Buffer.from(hex, 'hex')),
      )
      expect(events.length).toBeGreaterThan(0)
      expect(sink.count('input.rejected')).toBe(0)
      expect(
        events.every((event) => event['forwarder'] === 'org.graylog2.outputs.GelfOutput'),
      ).toBe(true)
    },
  )
})
