import { createRequire } from 'node:module'
import { afterEach, expect, it, vi } from 'vitest'

import { openKafkaClient } from '../../../src/ingest/kafka/client.ts'

const require = createRequire(import.meta.url)

afterEach(() => {
  vi.restoreAllMocks()
})

/** kafkajs's queue of requests; the file must be where the patch looks for it. */
const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => {
  throttledUntil: number
  pending: unknown[]
  scheduleCheckPendingRequests(): void
}

function queue() {
  const logger = { debug: () => undefined }
  return new RequestQueue({
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'test',
    logger,
    isConnected: () => true,
  })
}

it('sets no timer for a connection with nothing to send, and one where something waits', () => {
  const brokers = ['127.0.0.1:1']
  const unused = { clientId: 'test', groupId: 'test', epoch: 1, security: {} }
  openKafkaClient({ ...unused, brokers, clock: () => 1_000, log: () => undefined })
  const timers = vi.spyOn(globalThis, 'setTimeout').mockImplementation(() => 0 as never)

  const idle = queue()
  for (let i = 0; i < 10; i++) idle.scheduleCheckPendingRequests()
  expect(timers).not.toHaveBeenCalled()

  const busy = queue()
  busy.pending.push({})
  busy.scheduleCheckPendingRequests()
  expect(timers).toHaveBeenCalledTimes(1)

  const throttled = queue()
  throttled.throttledUntil = 1_500
  throttled.scheduleCheckPendingRequests()
  expect(timers).toHaveBeenCalledTimes(2)
})
