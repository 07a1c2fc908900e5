import { beforeEach, describe, expect, it } from 'vitest'

import { KafkaFault } from '../../../src/ingest/kafka/kafka-client.ts'
import type { KafkaHost, KafkaLog } from '../../../src/ingest/kafka/kafka-host.ts'
import { KafkaSession } from '../../../src/ingest/kafka/session.ts'
import { SlabFiller } from '../../../src/ingest/kafka/slab-filler.ts'
import type { LogSink } from '../../../src/ingest/source.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { ScriptedKafka } from './scripted-kafka.ts'

const ORDERS = { topic: 'orders', partition: 0 }
const LOG = 'orders/A/0'

/** A journal that answers as it is told; what it holds, with the offset behind each slab. */
class ScriptedSink implements LogSink {
  readonly slabs: { readonly records: readonly string[]; readonly to: number }[] = []
  readonly answers: ('durable' | 'refused')[] = []
  #records: string[] = []

  get count(): number {
    return this.#records.length
  }

  get bytes(): number {
    return this.#records.join('').length
  }

  accept(bytes: Uint8Array): undefined {
    this.#records.push(Buffer.from(bytes).toString())
  }

  poison(bytes: Uint8Array, _timestampMs: number, reason: string): void {
    this.#records.push(`${reason}: ${Buffer.from(bytes).toString()}`)
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  seal(to: number): Promise<'durable' | 'refused'> {
    const answer = this.answers.shift() ?? 'durable'
    if (answer === 'durable') this.slabs.push({ records: this.#records, to })
    this.#records = []
    return Promise.resolve(answer)
  }
}

describe('a life of the consumer', () => {
  let kafka: ScriptedKafka
  let clock: ManualClock
  let sink: ScriptedSink
  let session: KafkaSession
  let asked: { readonly logs: readonly KafkaLog[]; readonly open: (offset: number) => void }[]
  let links: { readonly isUp: boolean; readonly lags: Readonly<Record<string, number>> }[]
  let ended: Promise<KafkaFault | undefined>

  beforeEach(async () => {
    kafka = new ScriptedKafka()
    kafka.topics = [{ topic: 'orders', id: 'A', partitions: [{ partition: 0, low: 3, high: 20 }] }]
    clock = new ManualClock()
    sink = new ScriptedSink()
    asked = []
    links = []
    const host: KafkaHost = {
      openLogs: (logs) =>
        new Promise((resolve) => {
          const open = (offset: number): void =>
            resolve(Object.fromEntries(logs.map(({ log }) => [log, offset])))
          asked.push({ logs, open })
        }),
      sink: () => sink,
      tellLink: (isUp, lags) => void links.push({ isUp, lags }),
    }
    const decode = ({ value }: { readonly value: Uint8Array | null }) => ({ messages: [value!] })
    const report = (): void => undefined
    session = new KafkaSession({
      input: 'in',
      topics: ['orders'],
      start: 'latest',
      client: kafka,
      host,
      filler: () => new SlabFiller({ input: 'in', decode, report }),
      timers: clock,
      report,
    })
    ended = session.run()
    await settled()
  })

  async function opened(offset: number): Promise<void> {
    kafka.events!.joined([ORDERS])
    await settled()
    asked.at(-1)!.open(offset)
    await settled()
    kafka.newCalls()
  }

  it('looks at the topics before it joins: what is refused shows there', () => {
    expect(kafka.calls).toEqual(['connect', 'describe', 'run'])
  })

  it('pauses what a join assigned, proves its membership, and reads on where the core says', async () => {
    kafka.newCalls()
    kafka.events!.joined([ORDERS])
    expect(kafka.newCalls()).toEqual(['pause orders/0'])
    await settled()
    expect(kafka.committed).toEqual([{ ...ORDERS, offset: 3 }])
    expect(asked[0]!.logs).toEqual([{ log: LOG, low: 3, high: 20, start: 20 }])
    expect(kafka.newCalls()).toEqual([])
    asked[0]!.open(7)
    await settled()
    expect(kafka.newCalls()).toEqual(['seek orders/0 7', 'resume orders/0'])
    expect(links.at(-1)).toEqual({ isUp: true, lags: { [LOG]: 13 } })
  })

  it('does not ask the core for anything while the group does not take a commit', async () => {
    kafka.faults.set('commit', new KafkaFault('protocol', 'unknown member'))
    kafka.events!.joined([ORDERS])
    await expect(ended).resolves.toMatchObject({ message: 'unknown member' })
    expect(asked).toEqual([])
  })

  it('takes nothing before the core has answered', async () => {
    kafka.events!.joined([ORDERS])
    await settled()
    await kafka.fetched({ fetchedOffset: 3 }, ['a'])
    expect(sink.slabs).toEqual([])
    expect(kafka.newCalls()).not.toContain('resolve 3')
  })

  it('takes a batch, with the holes behind its last record, and resolves what is durable', async () => {
    await opened(7)
    await kafka.fetched({ fetchedOffset: 7, lastOffset: 11 }, ['a', 'b'])
    expect(sink.slabs).toEqual([{ records: ['a', 'b'], to: 12 }])
    expect(kafka.newCalls()).toEqual(['resolve 11'])
    await kafka.fetched({ fetchedOffset: 12 }, ['c'])
    expect(sink.slabs.at(-1)).toEqual({ records: ['c'], to: 13 })
  })

  it('fills a slab again that the journal refused, and nothing behind it before', async () => {
    await opened(7)
    sink.answers.push('refused', 'refused')
    const taken = kafka.fetched({ fetchedOffset: 7 }, ['a', 'b'])
    for (let i = 0; i < 10; i++) {
      await settled()
      clock.advance(500)
    }
    await taken
    expect(sink.slabs).toEqual([{ records: ['a', 'b'], to: 9 }])
    expect(kafka.newCalls()).toEqual(['resolve 8'])
  })

  it('seeks forward when the client goes back to where the group stood', async () => {
    await opened(7)
    await kafka.fetched({ fetchedOffset: 3 }, ['x', 'y'])
    expect(sink.slabs).toEqual([])
    expect(kafka.newCalls()).toEqual(['seek orders/0 7'])
  })

  it('asks the core again when a batch begins behind what is accounted for', async () => {
    await opened(7)
    kafka.topics = [{ topic: 'orders', id: 'A', partitions: [{ partition: 0, low: 15, high: 20 }] }]
    await kafka.fetched({ fetchedOffset: 15 }, ['x'])
    await settled()
    expect(sink.slabs).toEqual([])
    expect(kafka.newCalls()).toEqual(['pause orders/0'])
    expect(asked.at(-1)!.logs).toEqual([{ log: LOG, low: 15, high: 20, start: 20 }])
  })

  it('takes what stands behind records that nobody gets to see', async () => {
    await opened(7)
    kafka.events!.skipped({ ...ORDERS, offset: 14 })
    await kafka.fetched({ fetchedOffset: 15 }, ['x'])
    expect(sink.slabs).toEqual([{ records: ['x'], to: 16 }])
  })

  it('gives up, instead of seeking for ever, where an offset cannot be reached', async () => {
    await opened(7)
    for (let i = 0; i < 4; i++) await kafka.fetched({ fetchedOffset: 3 }, ['x'])
    await expect(ended).resolves.toMatchObject({ reason: 'protocol' })
    expect(kafka.newCalls().filter((call) => call.startsWith('seek'))).toHaveLength(3)
  })

  it('takes no record of a topic that was made anew for one of the former', async () => {
    await opened(7)
    kafka.topics = [{ topic: 'orders', id: 'B', partitions: [{ partition: 0, low: 0, high: 9 }] }]
    await kafka.fetched({ fetchedOffset: 7 }, ['new'])
    await settled()
    expect(sink.slabs).toEqual([])
    expect(asked.at(-1)!.logs).toEqual([{ log: 'orders/B/0', low: 0, high: 9, start: 9 }])
  })

  it('finds a topic that was made anew also when nothing comes', async () => {
    await opened(7)
    kafka.topics = [{ topic: 'orders', id: 'B', partitions: [{ partition: 0, low: 0, high: 0 }] }]
    clock.advance(5_000)
    await settled()
    expect(asked.at(-1)!.logs).toMatchObject([{ log: 'orders/B/0' }])
  })

  it('forgets an older join when a newer one came', async () => {
    kafka.events!.joined([ORDERS])
    await settled()
    kafka.events!.joined([ORDERS])
    await settled()
    kafka.newCalls()
    asked[0]!.open(7)
    await settled()
    expect(kafka.newCalls()).toEqual([])
    asked[1]!.open(9)
    await settled()
    expect(kafka.newCalls()).toEqual(['seek orders/0 9', 'resume orders/0'])
  })

  it('pauses when much waits for the core, and resumes when half of it is evaluated', async () => {
    await opened(7)
    const large = 'x'.repeat(1_048_576)
    for (let i = 0; i < 32; i++) await kafka.fetched({ fetchedOffset: 7 + i }, [large])
    expect(kafka.newCalls().at(-1)).toBe('pause orders/0')
    session.evaluated(LOG, 20)
    expect(kafka.newCalls()).toEqual([])
    session.evaluated(LOG, 25)
    expect(kafka.newCalls()).toEqual(['resume orders/0'])
  })

  it('commits what is evaluated, once a second', async () => {
    await opened(7)
    kafka.committed.length = 0
    await kafka.fetched({ fetchedOffset: 7 }, ['a', 'b'])
    clock.advance(1_000)
    expect(kafka.committed).toEqual([])
    session.evaluated(LOG, 9)
    clock.advance(1_000)
    expect(kafka.committed).toEqual([{ ...ORDERS, offset: 9 }])
  })

  it('ends with what the client crashed of, and takes nothing afterwards', async () => {
    await opened(7)
    kafka.events!.crashed(new KafkaFault('unreachable', 'no broker'), true)
    await expect(ended).resolves.toMatchObject({ message: 'no broker' })
    await kafka.fetched({ fetchedOffset: 7 }, ['a'])
    expect(sink.slabs).toEqual([])
  })

  it('ends when no heartbeat goes out any more, whatever the wall clock says', async () => {
    await opened(7)
    clock.advance(9_000)
    await expect(ended).resolves.toMatchObject({ reason: 'watchdog' })
  })

  it('does nothing for partitions while another member has them all', async () => {
    kafka.newCalls()
    kafka.events!.joined([])
    await settled()
    expect(asked).toEqual([])
    expect(kafka.newCalls()).toEqual([])
  })

  it('ends without a fault when it is stopped', async () => {
    await opened(7)
    session.stop()
    await expect(ended).resolves.toBeUndefined()
  })
})

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
