/** Bodies that a real Graylog 7.0.1 has sent. */
import { readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { readNotification } from '../../src/ingest/graylog/notification.ts'
import { corpus } from './corpus.ts'

interface Posted {
  readonly kind: string
  readonly body: string
}

const posted = readFileSync(corpus('graylog/notifications.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Posted)

describe('notifications of a real Graylog', () => {
  test.each(posted.map(({ kind, body }, i) => [i, kind, body] as const))(
    '%d: %s',
    (_i, kind, body) => {
      const read = readNotification(Buffer.from(body))
      if (kind === 'button test') return expect(read).toEqual({ kind: 'test' })
      const {
        event,
        event_definition_id: definition,
        backlog,
      } = JSON.parse(body) as {
        event: Record<string, unknown> & { fields: object; timestamp: string }
        event_definition_id: string
        backlog: { id: string }[]
      }
      expect(read.kind).toBe('notification')
      const message = JSON.parse(String((read as { record: Buffer }).record)) as Record<
        string,
        unknown
      >
      expect(message).toMatchObject({
        host: event['source'],
        short_message: event['message'],
        _graylog_event: event['id'],
        _graylog_definition: definition,
        _graylog_priority: event['priority'],
        ...Object.fromEntries(
          Object.entries(event.fields).map(([key, value]) => [`_${key}`, value]),
        ),
      })
      expect(Math.round((message['timestamp'] as number) * 1000)).toBe(Date.parse(event.timestamp))
      const origin = event['origin_context'] as string | null
      expect(message['_graylog_origin']).toBe(origin?.split(':').at(-1))
      for (const { id } of backlog) expect(String(message['_graylog_backlog'])).toContain(id)
      return undefined
    },
  )
})
