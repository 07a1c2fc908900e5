import { afterEach, describe, expect, test, vi } from 'vitest'

import { graylogWebhookSource } from '../../../src/ingest/graylog/webhook.ts'
import type { GraylogWebhookOptions } from '../../../src/ingest/graylog/webhook.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

async function open(options: Partial<GraylogWebhookOptions> = {}, sink = new MemorySink()) {
  const source = graylogWebhookSource({ ...sink.parts, ...options })
  const { port } = await source.start()
  cleanUps.add('source', () => source.stop())
  const post = async (body: unknown, headers: Record<string, string> = {}, query = '') => {
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    return (await fetch(`http://127.0.0.1:${port}/graylog${query}`, init)).status
  }
  return { sink, post }
}

/** The least that a filter's notification has, and what is added to its event. */
function notification(event: object = {}, more: object = {}): object {
  return {
    event_definition_id: 'def-1',
    event_definition_type: 'aggregation-v1',
    event_definition_title: 'Logins that failed',
    event: {
      id: '01EVENT',
      origin_context: 'urn:graylog:message:es:graylog_0:msg-1',
      timestamp: '2026-11-24T08:36:34.376Z',
      message: 'login failed',
      source: 'graylog.example.org',
      key: 'alice',
      priority: 2,
      fields: { user: 'alice' },
      group_by_fields: {},
      ...event,
    },
    backlog: [{ id: 'msg-1' }, { id: 'msg-2' }],
    ...more,
  }
}

describe('a notification', () => {
  test('is 200 once it is stored, as a message with fields of its own', async () => {
    const { sink, post } = await open()
    expect(await post(notification())).toBe(200)
    expect(sink.events).toEqual([
      {
        source: 'graylog.example.org',
        message: 'login failed',
        timestamp: Date.parse('2026-11-24T08:36:34.376Z'),
        user: 'alice',
        graylog_event: '01EVENT',
        graylog_definition: 'def-1',
        graylog_definition_title: 'Logins that failed',
        graylog_group: 'alice',
        graylog_origin: 'msg-1',
        graylog_priority: 2,
        graylog_backlog: 'msg-1 msg-2',
        graylog_fold: expect.stringMatching(/^[\w-]{43}$/),
      },
    ])
  })

  test('waits for the journal; 503 when it is refused or slow, so that Graylog comes again', async () => {
    const hands = new ManualClock()
    const { sink, post } = await open({ timers: hands })
    sink.outcome = 'refused'
    expect(await post(notification())).toBe(503)
    sink.outcome = 'wait'
    const answer = post(notification())
    await vi.waitFor(() => expect(sink.slabs).toHaveLength(2))
    hands.advance(5_000)
    expect(await answer).toBe(503)
    sink.writer.settle(1, 'durable')
  })

  test("of the test button is answered and is nobody's alert", async () => {
    const { sink, post } = await open()
    const test = notification({}, { event_definition_type: 'test-dummy-v1' })
    expect(await post(test)).toBe(200)
    expect(sink.slabs).toHaveLength(0)
    expect(sink.count('input.test_notification')).toBe(1)
  })

  test.each([
    ['no JSON object', []],
    ['no event', { event_definition_id: 'd' }],
    ['no definition', { event: { id: '1', timestamp: '', message: 'm' } }],
  ])('%s is 400 and counted', async (_what, body) => {
    const { sink, post } = await open()
    expect(await post(body)).toBe(400)
    expect(sink.count('input.rejected', 'json')).toBe(1)
    expect(await post(notification())).toBe(200)
  })

  test('with fields named like ours does not win over them', async () => {
    const { sink, post } = await open()
    await post(notification({ fields: { graylog_definition: 'evil', graylog_fold: 'evil' } }))
    expect(sink.events[0]).toMatchObject({ graylog_definition: 'def-1' })
    expect(sink.events[0]!['graylog_fold']).not.toBe('evil')
  })
})

describe('what belongs together', () => {
  const range = { origin_context: null, timerange_start: '2026-11-24T08:00:00Z' }
  const foldOf = async (...events: object[]) => {
    const { sink, post } = await open()
    for (const event of events) await post(notification(event))
    return new Set(sink.events.map((event) => event['graylog_fold'])).size
  }

  test.each<[string, number, object, object]>([
    ['one message in two events', 1, { id: 'a' }, { id: 'b' }],
    ['two messages', 2, {}, { origin_context: 'urn:graylog:message:es:graylog_0:msg-2' }],
    ['one range and group', 1, { ...range, id: 'a' }, { ...range, id: 'b' }],
    ['two groups', 2, range, { ...range, group_by_fields: { user: 'bob' } }],
    ['two ranges', 2, range, { ...range, timerange_start: '2026-11-24T09:00:00Z' }],
  ])('%s: %d', async (_what, count, one, other) => {
    expect(await foldOf(one, other)).toBe(count)
  })
})

describe('the key', () => {
  const basic = (password: string) =>
    `Basic ${Buffer.from(`graylog:${password}`).toString('base64')}`

  test.each<[number, Record<string, string>, string]>([
    [200, { 'x-tocsin-key': 's3cret-key' }, ''],
    [200, {}, '?x=1&key=s3cret-key'],
    [200, { authorization: basic('s3cret-key') }, ''],
    [401, {}, ''],
    [401, { 'x-tocsin-key': 's3cret' }, '?key='],
    [401, { authorization: basic('') }, ''],
  ])('%d with %o %s', async (status, headers, query) => {
    const { sink, post } = await open({ token: 's3cret-key' })
    expect(await post(notification(), headers, query)).toBe(status)
    expect(sink.records).toBe(status === 200 ? 1 : 0)
  })
})
