import { Webhook } from 'standardwebhooks'
import { describe, expect, it, vi } from 'vitest'

import type { Egress, EgressRequest, EgressResult } from '../../src/alerting/egress.ts'
import { createSender, type Sender, type SenderOptions } from '../../src/alerting/sender.ts'
import { receiverSchema, type Receiver } from '../../src/alerting/settings.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import { delivery, MemoryOutbox } from './memory-outbox.ts'

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const START_MS = Date.UTC(2026, 0, 1)

interface Bench {
  readonly clock: ManualClock
  readonly outbox: MemoryOutbox
  readonly sender: Sender
  readonly requests: EgressRequest[]
  readonly occurrences: Occurrence[]
  /** Lets the sender finish what it can do without time passing. */
  readonly settle: () => Promise<void>
  readonly names: () => string[]
}

function bench(
  answer: (request: EgressRequest) => EgressResult | Promise<EgressResult>,
  changes: Partial<SenderOptions> = {},
): Bench {
  const clock = new ManualClock(START_MS)
  const outbox = new MemoryOutbox()
  const requests: EgressRequest[] = []
  const occurrences: Occurrence[] = []
  const egress: Egress = {
    async sendSigned(request) {
      requests.push(request)
      return answer(request)
    },
  }
  const sender = createSender({
    reader: outbox,
    receivers: ['a', 'b', 'dead'].map(receiver),
    egress,
    clock: clock.now,
    timers: clock,
    random: () => 0.5,
    report: (occurrence) => void occurrences.push(occurrence),
    attempted: async (report) => outbox.commit(report),
    ...changes,
  })
  return {
    clock,
    outbox,
    sender,
    requests,
    occurrences,
    async settle() {
      sender.wake()
      await sender.idle()
    },
    names: () => occurrences.map(({ name }) => name),
  }
}

function receiver(name: string): Receiver {
  return receiverSchema.parse({
    name,
    webhook: { url: `https://${name}.example/`, secret: SECRET },
    timeout: '3s',
  })
}

function answered(status: number, retryAfter: string | null = null): EgressResult {
  return { kind: 'answer', status, retryAfter, bodyStart: '' }
}

function pathOf(request: EgressRequest): unknown {
  return JSON.parse(request.body)
}

describe('the sender', () => {
  it('delivers what is in the outbox, signed at the moment of the attempt, and reports it', async () => {
    const { outbox, clock, requests, occurrences, settle } = bench(() => answered(204))
    outbox.add(delivery('a', 'i1'))
    clock.advance(5_000)
    await settle()
    const row = outbox.rows.get('a-i1-1')!
    expect(row).toMatchObject({ state: 'delivered', attempt: 1 })
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({
      url: 'https://a.example/',
      body: row.body,
      timeoutMs: 3_000,
      headers: {
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'webhook-id': 'a-i1-1',
        'webhook-timestamp': String(START_MS / 1000 + 5),
      },
    })
    vi.useFakeTimers({ now: clock.now(), toFake: ['Date'] })
    try {
      const verified = new Webhook(SECRET).verify(row.body, { ...requests[0]!.headers })
      expect(verified).toEqual(JSON.parse(row.body))
    } finally {
      vi.useRealTimers()
    }
    expect(outbox.reports).toEqual([
      {
        deliveryId: 'a-i1-1',
        receiver: 'a',
        attempt: 1,
        atMs: START_MS + 5_000,
        durationMs: 0,
        outcome: 'delivered',
        status: 204,
        reason: null,
        detail: null,
        nextMs: null,
        disablesReceiver: false,
      },
    ])
    expect(occurrences).toMatchObject([
      {
        name: 'delivery.attempted',
        labels: { receiver: 'a', outcome: 'delivered', reason: 'none' },
      },
    ])
  })

  it.each([
    [answered(200), 'delivered', null],
    [answered(299), 'delivered', null],
    [answered(301), 'retry', 'redirect'],
    [answered(304), 'retry', 'redirect'],
    [answered(400), 'retry', 'clientError'],
    [answered(401), 'retry', 'authError'],
    [answered(403), 'retry', 'authError'],
    [answered(404), 'retry', 'clientError'],
    [answered(410), 'dead', 'gone'],
    [answered(413), 'retry', 'clientError'],
    [answered(429), 'retry', 'rateLimited'],
    [answered(500), 'retry', 'serverError'],
    [answered(503), 'retry', 'serverError'],
    [{ kind: 'failure', reason: 'network', detail: 'ECONNREFUSED' }, 'retry', 'network'],
    [{ kind: 'failure', reason: 'timeout', detail: 'slow' }, 'retry', 'timeout'],
    [{ kind: 'failure', reason: 'egressRefused', detail: 'no' }, 'retry', 'egressRefused'],
  ] as const)('takes %j as %s because of %s', async (result, outcome, reason) => {
    const { outbox, settle } = bench(() => result)
    outbox.add(delivery('a', 'i1'))
    await settle()
    expect(outbox.reports).toMatchObject([{ outcome, reason, disablesReceiver: reason === 'gone' }])
    expect(outbox.reports[0]!.nextMs).toBe(outcome === 'retry' ? START_MS + 2_000 : null)
  })

  it('tries again by the schedule with the same id and a new timestamp, then gives it up, visibly', async () => {
    const { outbox, clock, requests, settle, names } = bench(() => answered(500))
    outbox.add(delivery('a', 'i1'))
    await settle()
    const triedMs = [clock.now()]
    for (let i = 0; i < 200 && outbox.rows.get('a-i1-1')!.state === 'pending'; i++) {
      clock.advance(1_800_000)
      await settle()
      if (requests.length > triedMs.length) triedMs.push(clock.now())
    }
    expect(outbox.rows.get('a-i1-1')!.state).toBe('dead')
    expect(requests).toHaveLength(15)
    expect(new Set(requests.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set(['a-i1-1']),
    )
    expect(new Set(requests.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(15)
    expect(names().filter((name) => name === 'delivery.dead')).toHaveLength(1)
    expect(triedMs.at(-1)! - triedMs[0]!).toBeGreaterThan(75 * 3_600_000)
  })

  it('wakes by itself when a retry falls due', async () => {
    const answers = [answered(500), answered(200)]
    const { outbox, clock, sender, settle } = bench(() => answers.shift()!)
    outbox.add(delivery('a', 'i1'))
    await settle()
    clock.advance(1_999)
    await sender.idle()
    expect(outbox.reports).toHaveLength(1)
    clock.advance(1)
    await sender.idle()
    expect(outbox.states()).toEqual({ 'a-i1-1': 'delivered' })
  })

  it('obeys Retry-After', async () => {
    const { outbox, settle } = bench(() => answered(503, '90'))
    outbox.add(delivery('a', 'i1'))
    await settle()
    expect(outbox.reports[0]!.nextMs).toBe(START_MS + 90_000)
  })

  it('sends the next of an incident only after the one before is delivered or dead, others at once', async () => {
    const { outbox, clock, requests, settle } = bench((request) =>
      answered(request.body.includes('"i1"') && clock.now() < START_MS + 5_000 ? 500 : 200),
    )
    outbox.add(delivery('a', 'i1', 1), delivery('a', 'i1', 2), delivery('a', 'i2', 1))
    await settle()
    expect(outbox.states()).toEqual({
      'a-i1-1': 'pending',
      'a-i1-2': 'pending',
      'a-i2-1': 'delivered',
    })
    clock.advance(2_000)
    await settle()
    clock.advance(10_000)
    await settle()
    const ofFirst = requests
      .map((request) => request.headers['webhook-id'])
      .filter((id) => id !== 'a-i2-1')
    expect(ofFirst).toEqual(['a-i1-1', 'a-i1-1', 'a-i1-1', 'a-i1-2'])
  })

  it('starts another attempt only after the report of the last one is committed', async () => {
    const commits: (() => void)[] = []
    const { outbox, requests, sender } = bench(() => answered(200), {
      attempted: (report) =>
        new Promise((resolve) => {
          commits.push(() => {
            outbox.commit(report)
            resolve()
          })
        }),
    })
    outbox.add(delivery('a', 'i1', 1), delivery('a', 'i1', 2))
    sender.wake()
    await vi.waitFor(() => expect(commits).toHaveLength(1))
    for (let i = 0; i < 20; i++) {
      sender.wake()
      await Promise.resolve()
    }
    expect(requests).toHaveLength(1)
    expect(sender.inFlight()).toBe(1)
    commits[0]!()
    await vi.waitFor(() => expect(requests).toHaveLength(2))
    await vi.waitFor(() => expect(commits).toHaveLength(2))
    commits[1]!()
    await sender.idle()
    expect(sender.inFlight()).toBe(0)
  })

  it('is not led by a read that began before a report was committed', async () => {
    const commit = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    const { outbox, requests, sender } = bench(() => answered(200), {
      attempted: async (report) => {
        await commit.promise
        outbox.commit(report)
      },
    })
    outbox.add(delivery('a', 'i1'))
    const due = outbox.due.bind(outbox)
    let looks = 0
    outbox.due = async (...query) => {
      const rows = await due(...query)
      looks += 1
      // The second read sees the delivery as due and answers only after its report was committed.
      if (looks === 2) await answer.promise
      return rows
    }
    sender.wake()
    await vi.waitFor(() => expect(requests).toHaveLength(1))
    sender.wake()
    await vi.waitFor(() => expect(looks).toBe(2))
    commit.resolve()
    await vi.waitFor(() => expect(outbox.reports).toHaveLength(1))
    answer.resolve()
    await sender.idle()
    expect(requests).toHaveLength(1)
  })

  it('opens at most four connections to one receiver, and lets none wait for another (F37)', async () => {
    const ends: (() => void)[] = []
    const { outbox, requests, sender } = bench((request) =>
      request.url.includes('dead')
        ? new Promise((resolve) => {
            ends.push(() => resolve(answered(500)))
          })
        : answered(200),
    )
    for (let i = 0; i < 500; i++) outbox.add(delivery('dead', `d${i}`))
    for (let i = 0; i < 99; i++) {
      // Newer than the dead one's five hundred: whoever reads by age alone does not see them.
      outbox.add({ ...delivery(i % 2 === 0 ? 'a' : 'b', `i${i}`), createdMs: START_MS })
    }
    sender.wake()
    await vi.waitFor(() =>
      expect(outbox.reports.filter(({ outcome }) => outcome === 'delivered')).toHaveLength(99),
    )
    expect(requests.filter(({ url }) => url.includes('dead'))).toHaveLength(4)
    expect(sender.inFlight()).toBe(4)
    ends.splice(0).forEach((end) => end())
    await vi.waitFor(() => expect(ends).toHaveLength(4))
    expect(sender.inFlight()).toBe(4)
  })

  it('sees what is due behind any number of attempts under way', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `slow-${i}`)
    const { outbox, requests, sender } = bench(
      (request) => (request.url.includes('slow') ? new Promise(() => undefined) : answered(200)),
      { receivers: [...names, 'a'].map(receiver) },
    )
    for (const name of names) {
      for (let i = 0; i < 3; i++) outbox.add(delivery(name, `i${i}`))
    }
    sender.wake()
    await vi.waitFor(() => expect(requests).toHaveLength(90))
    outbox.add({ ...delivery('a', 'i1'), createdMs: START_MS })
    sender.wake()
    await vi.waitFor(() => expect(outbox.rows.get('a-i1-1')!.state).toBe('delivered'))
  })

  it('sends nothing more to a receiver that answered 410: its deliveries end, visibly', async () => {
    const { outbox, requests, settle, names } = bench((request) =>
      answered(request.url.includes('dead') ? 410 : 200),
    )
    for (let i = 0; i < 50; i++) outbox.add(delivery('dead', `d${i}`))
    outbox.add(delivery('a', 'i1'))
    await settle()
    expect(requests.filter(({ url }) => url.includes('dead')).length).toBeLessThanOrEqual(4)
    expect(outbox.rows.get('a-i1-1')!.state).toBe('delivered')
    const dead = outbox.reports.filter((report) => report.receiver === 'dead')
    expect(dead).toHaveLength(50)
    expect(new Set(dead.map(({ outcome }) => outcome))).toEqual(new Set(['dead']))
    expect(dead.filter(({ reason }) => reason === 'disabled').length).toBeGreaterThanOrEqual(46)
    expect(names().filter((name) => name === 'delivery.dead')).toHaveLength(50)
    expect(names()).toContain('receiver.disabled')
  })

  it('ends deliveries of a receiver that is no longer configured, and says so', async () => {
    const { outbox, requests, settle, sender } = bench(() => answered(200))
    outbox.add(delivery('removed', 'i1'), delivery('new', 'i1'))
    sender.replaceReceivers([receiver('new')])
    await settle()
    expect(requests.map(({ url }) => url)).toEqual(['https://new.example/'])
    expect(outbox.reports.find((report) => report.receiver === 'removed')).toMatchObject({
      outcome: 'dead',
      reason: 'disabled',
      status: null,
      detail: 'this receiver is no longer configured',
    })
  })

  it('survives an outbox that cannot be read, tries less and less often, and says so each time', async () => {
    const { outbox, clock, sender, occurrences, settle } = bench(() => answered(200))
    outbox.add(delivery('a', 'i1'))
    const disabledReceivers = outbox.disabledReceivers.bind(outbox)
    let reads = 0
    outbox.disabledReceivers = () => {
      reads += 1
      return Promise.reject(new Error('database is locked'))
    }
    await settle()
    for (let i = 0; i < 100; i++) sender.wake()
    await sender.idle()
    expect(reads).toBe(1)
    for (let i = 0; i < 120; i++) {
      clock.advance(500)
      await sender.idle()
    }
    // 0.5 + 1 + 2 + 4 + 8 + 16 + 30 s: seven more within a minute.
    expect(reads).toBe(7)
    expect(occurrences).toHaveLength(7)
    expect(occurrences[0]).toEqual({
      name: 'delivery.outbox_failed',
      labels: { step: 'read' },
      detail: { error: 'database is locked' },
    })
    outbox.disabledReceivers = disabledReceivers
    clock.advance(30_000)
    await sender.idle()
    expect(outbox.states()).toEqual({ 'a-i1-1': 'delivered' })
  })

  it('reports again when a report could not be committed, and sends nothing twice for it', async () => {
    let failures = 2
    const { outbox, clock, requests, sender, occurrences } = bench(() => answered(200), {
      attempted: async (report) => {
        if (failures-- > 0) throw new Error('commit failed')
        outbox.commit(report)
      },
    })
    outbox.add(delivery('a', 'i1', 1), delivery('a', 'i1', 2))
    sender.wake()
    await vi.waitFor(() => expect(occurrences.at(-1)?.labels).toEqual({ step: 'report' }))
    clock.advance(500)
    await vi.waitFor(() => expect(failures).toBe(0))
    expect(requests).toHaveLength(1)
    await Promise.resolve()
    await vi.waitFor(() => {
      clock.advance(1_000)
      expect(outbox.reports).toHaveLength(2)
    })
    await sender.idle()
    expect(requests.map(pathOf)).toEqual([
      { receiver: 'a', incident: 'i1', sequence: 1 },
      { receiver: 'a', incident: 'i1', sequence: 2 },
    ])
  })

  it('counts what goes wrong on our own side as a failed attempt, not as an endless circle', async () => {
    const { outbox, requests, settle } = bench(() => {
      throw new Error('broken')
    })
    outbox.add(delivery('a', 'i1'))
    await settle()
    expect(requests).toHaveLength(1)
    expect(outbox.reports).toMatchObject([
      { outcome: 'retry', reason: 'network', detail: 'could not be sent: broken' },
    ])
  })

  it('runs each attempt inside a span that names receiver, delivery and attempt', async () => {
    const spans: unknown[] = []
    const { outbox, settle } = bench(() => answered(200), {
      span: (name, attributes, run) => {
        spans.push([name, attributes])
        return run()
      },
    })
    outbox.add(delivery('a', 'i1'))
    await settle()
    expect(spans).toEqual([
      [
        'delivery.attempt',
        {
          'tocsin.receiver': 'a',
          'tocsin.delivery': 'a-i1-1',
          'tocsin.incident': 'i1',
          'tocsin.attempt': 1,
        },
      ],
    ])
  })
})

describe('a sender that stops', () => {
  it('lets what is under way end and be reported, and starts nothing more', async () => {
    let end: () => void = () => undefined
    const { outbox, requests, sender } = bench(
      () =>
        new Promise((resolve) => {
          end = () => resolve(answered(200))
        }),
    )
    outbox.add(delivery('a', 'i1', 1), delivery('a', 'i1', 2))
    sender.wake()
    await vi.waitFor(() => expect(requests).toHaveLength(1))
    const stopped = sender.stop()
    sender.wake()
    end()
    await stopped
    expect(outbox.states()).toEqual({ 'a-i1-1': 'delivered', 'a-i1-2': 'pending' })
    expect(requests).toHaveLength(1)
    expect(sender.inFlight()).toBe(0)
  })

  it('cuts an attempt after the grace time and leaves it to the next start', async () => {
    const { outbox, clock, requests, sender, occurrences } = bench(
      (request) =>
        new Promise((resolve) => {
          request.signal!.addEventListener('abort', () =>
            resolve({ kind: 'failure', reason: 'network', detail: 'cut' }),
          )
        }),
    )
    outbox.add(delivery('a', 'i1'))
    sender.wake()
    await vi.waitFor(() => expect(requests).toHaveLength(1))
    const stopped = sender.stop()
    await Promise.resolve()
    clock.advance(5_000)
    await stopped
    expect(outbox.reports).toEqual([])
    expect(occurrences).toEqual([])
    expect(outbox.rows.get('a-i1-1')).toMatchObject({ state: 'pending', attempt: 0 })
  })

  it('does not wait for a core that no longer commits', async () => {
    const { outbox, clock, requests, sender } = bench(() => answered(200), {
      attempted: () => new Promise(() => undefined),
    })
    outbox.add(delivery('a', 'i1'))
    sender.wake()
    await vi.waitFor(() => expect(requests).toHaveLength(1))
    const stopped = sender.stop()
    await Promise.resolve()
    clock.advance(5_000)
    await stopped
    expect(sender.inFlight()).toBe(0)
  })
})
