import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CommitRequest, CommitResult, CoreStore } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import {
  attempt,
  change,
  command,
  entry,
  openKeyOf,
  QUIET_MS,
  request,
  T0,
  tinyDecide,
} from '../store/builders.ts'
import type { CreateHarness } from './store-harness.ts'

/** What goes wrong around one commit; after each, the same request is tried (again). */
type Failure = 'decide throws' | 'answer lost' | 'restart before' | 'restart after'

const FAILURES: readonly Failure[] = [
  'decide throws',
  'answer lost',
  'restart before',
  'restart after',
]

/** One random step: which of a few episodes does what, and what people and receivers do. */
interface Step {
  readonly acts: readonly { readonly slot: number; readonly act: number; readonly atMs: number }[]
  readonly entries: number
  readonly command: number
  readonly attempt: number
}

const step: fc.Arbitrary<Step> = fc.record({
  acts: fc.array(
    fc.record({
      slot: fc.nat(3),
      act: fc.nat(5),
      atMs: fc.nat(10).map((halves) => (halves * QUIET_MS) / 2),
    }),
    { maxLength: 4 },
  ),
  entries: fc.integer({ min: 1, max: 3 }),
  command: fc.nat(5),
  attempt: fc.nat(5),
})

/** Failures at any place leave what no failure leaves (I4). */
export function failureContract(name: string, create: CreateHarness): void {
  describe(`failures on ${name}`, () => {
    it('any sequence of commits with failures leaves the database as without them', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({ step, failures: fc.array(fc.constantFrom(...FAILURES), { maxLength: 3 }) }),
            { minLength: 1, maxLength: 12 },
          ),
          async (steps) => {
            const calm = await create()
            const stormy = await create()
            const requests = await runCalmly(
              await calm.open(),
              steps.map((one) => one.step),
            )
            let store = await stormy.open()
            await store.claim('owner', T0)
            const restart = async () => {
              store = await stormy.open()
              await store.claim('owner', T0)
            }
            for (const [i, { failures }] of steps.entries()) {
              await commitThrough(() => store, restart, requests[i]!, failures)
            }
            expect(withoutEpochs(await stormy.dump())).toEqual(withoutEpochs(await calm.dump()))
            await calm.close()
            await stormy.close()
          },
        ),
        { numRuns: 25 },
      )
    })
  })
}

async function runCalmly(store: CoreStore, steps: readonly Step[]): Promise<CommitRequest[]> {
  await store.claim('owner', T0)
  const engine = new RandomEngine()
  const requests: CommitRequest[] = []
  let nextNo = 1
  for (const step of steps) {
    const asked = engine.request(nextNo, step)
    requests.push(asked)
    const result = await store.commit(asked, tinyDecide, openKeyOf)
    engine.learn(result)
    nextNo = result.lastNo + 1
  }
  return requests
}

async function commitThrough(
  store: () => CoreStore,
  restart: () => Promise<void>,
  asked: CommitRequest,
  failures: readonly Failure[],
): Promise<void> {
  if (failures.includes('restart before')) await restart()
  if (failures.includes('decide throws')) {
    const thrown = store().commit(
      asked,
      (input) => {
        tinyDecide(input)
        throw new Error('injected')
      },
      openKeyOf,
    )
    await expect(thrown).rejects.toThrow('injected')
  }
  const result = await store().commit(asked, tinyDecide, openKeyOf)
  if (failures.includes('answer lost')) {
    expect(await store().commit(asked, tinyDecide, openKeyOf)).toEqual(result)
  }
  if (failures.includes('restart after')) await restart()
}

/** An engine that does what the dice say, within what an engine may say. */
class RandomEngine {
  /** What the engine holds in each slot (one group each); empty when forgotten. */
  readonly #live = new Map<number, string>()
  readonly #incidents: string[] = []
  readonly #deliveries: string[] = []
  #opened = 0
  #attempts = 0

  request(firstNo: number, step: Step): CommitRequest {
    const changes = step.acts.map((act) => this.#change(act))
    // All changes ride on the first entry, so that their order stays the engine's.
    const entries = Array.from({ length: step.entries }, (_, i) =>
      entry(
        {
          episodes: i === 0 ? changes : [],
          slo: [{ slo: 's', group: '[]', minuteMs: T0 + firstNo * 60_000, total: 3, bad: i }],
          ledger: [{ ruleId: 'r', hourMs: T0, class: 'below', reason: null, count: 1 }],
        },
        firstNo + i,
      ),
    )
    const incidentId = this.#incidents[step.command]
    const deliveryId = this.#deliveries[step.attempt]
    return request(firstNo, [], {
      entries,
      commands: incidentId === undefined ? [] : [this.#command(firstNo, step, incidentId)],
      attempts:
        deliveryId === undefined
          ? []
          : [
              attempt(deliveryId, {
                attempt: ++this.#attempts,
                outcome: step.attempt % 2 === 0 ? 'delivered' : 'retry',
              }),
            ],
    })
  }

  learn({ decision }: CommitResult): void {
    this.#incidents.push(...decision.events.map((event) => event.incident.id))
    this.#deliveries.push(...decision.deliveries.map((delivery) => delivery.id))
  }

  #change({ slot, act, atMs }: Step['acts'][number]): EpisodeChange {
    const held = this.#live.get(slot)
    const id = held ?? `e${this.#opened++}`
    const group = { slot: String(slot) }
    const over = {
      id,
      group,
      groupKey: JSON.stringify([String(slot)]),
      startMs: T0 + atMs,
      endMs: T0 + atMs,
      peak: act,
    }
    this.#live.set(slot, id)
    if (held === undefined) return change('opened', over)
    if (act === 5) this.#live.delete(slot)
    return change(act === 5 ? 'settled' : act === 4 ? 'cleared' : 'changed', over)
  }

  #command(firstNo: number, { command: dice }: Step, incidentId: string) {
    const id = `c${firstNo}`
    if (dice === 0) {
      return command(id, { kind: 'dismiss', incidentId, as: 'test', reason: 'dice' })
    }
    if (dice === 1) return command(id, { kind: 'acknowledge', incidentId }, 1)
    return command(id, { kind: 'note', incidentId, text: `dice ${dice}` })
  }
}

/** A restart raises the epoch; nothing else may tell it from none. */
function withoutEpochs(
  dump: Record<string, readonly Record<string, unknown>[]>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(dump).map(([table, rows]) => [
      table,
      table === 'shard' || table === 'input_log'
        ? rows.map((row) => ({ ...row, epoch: 'any' }))
        : rows,
    ]),
  )
}
