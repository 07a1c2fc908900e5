import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UnverifiedRule } from '../../src/model/broken.ts'
import {
  type CommitRequest,
  type CoreStore,
  type Decide,
  type DecideInput,
  FencedError,
  InvariantError,
  type LogEntry,
} from '../../src/model/commit.ts'
import {
  attempt,
  change,
  command,
  delivery,
  entry,
  incident,
  NOTHING,
  openKeyOf,
  partition,
  request,
  T0,
  tinyDecide,
} from '../store/builders.ts'
import type { CreateHarness, StoreHarness } from './store-harness.ts'

/** What every database must promise the core (design §4.1 and §5). */
export function coreStoreContract(name: string, create: CreateHarness): void {
  describe(`${name} as the core's store`, () => {
    let harness: StoreHarness
    let store: CoreStore

    beforeEach(async () => {
      harness = await create()
      store = await harness.open()
      await store.claim('first', T0)
    })
    afterEach(() => harness.close())

    const commit = (asked: CommitRequest, decide: Decide = tinyDecide) =>
      store.commit(asked, decide, openKeyOf)

    /** Expects a failure that leaves the database as it was. */
    const expectRefused = async (
      work: () => Promise<unknown>,
      error: new () => Error,
      message: RegExp,
    ) => {
      const before = await harness.dump()
      await expect(work()).rejects.toThrow(message)
      await expect(work()).rejects.toBeInstanceOf(error)
      expect(await harness.dump()).toEqual(before)
    }

    describe('claim and fence', () => {
      it('starts a shard at entry 1, with epoch 1 and nothing to check', async () => {
        const other = await create()
        const fresh = await other.open()
        const claim = await fresh.claim('somebody', T0)
        expect(claim).toEqual({
          epoch: 1,
          nextNo: 1,
          checkpointNext: 0,
          partitions: [],
          unverified: [],
          listenedMs: null,
        })
        await other.close()
      })

      it('hands the next owner a higher epoch, the next entry and the partitions', async () => {
        const behind = partition({ id: 'payments@2', epoch: 2, next: 7, maxTimeMs: T0 - 1 })
        await commit(request(1))
        await commit(
          request(2, [], {
            entries: [{ ...entry({}, 2), partitions: [partition({ link: 'down' }), behind] }],
          }),
        )
        const claim = await (await harness.open()).claim('second', T0)
        expect(claim).toEqual({
          epoch: 2,
          nextNo: 3,
          checkpointNext: 0,
          partitions: [partition({ link: 'down' }), behind],
          unverified: [],
          listenedMs: null,
        })
      })

      it('hands the next owner when inputs listened last, which a commit without it leaves', async () => {
        await commit(request(1, [], { listenedMs: T0 + 5 }))
        await commit(request(2))
        expect((await (await harness.open()).claim('second', T0)).listenedMs).toBe(T0 + 5)
      })

      it('hands the next owner the episodes of a rule that are not settled', async () => {
        const opened = [change('opened'), change('opened', { id: 'e2', ruleId: 'other' })]
        await commit(request(1, opened))
        const next = await harness.open()
        await next.claim('second', T0)
        expect(await next.unsettledEpisodes('checkout-5xx')).toEqual([opened[0]!.episode])
        await next.commit(request(2, [change('settled')]), tinyDecide, openKeyOf)
        expect(await next.unsettledEpisodes('checkout-5xx')).toEqual([])
      })

      it('hands the next owner the marks of the last entry that changed them, and no others', async () => {
        const mark = { ruleId: 'b', stateHash: 'h1', sinceMs: T0, cause: 'it contradicts the log' }
        const marked = (no: number, unverified?: UnverifiedRule[]): CommitRequest =>
          request(no, [], { entries: [{ ...entry({}, no), ...(unverified && { unverified }) }] })
        const first = marked(1, [mark, { ...mark, ruleId: 'a' }])
        await commit(first)
        await commit(marked(2))
        expect((await (await harness.open()).claim('second', T0)).unverified).toEqual([
          { ...mark, ruleId: 'a' },
          mark,
        ])
        // The first owner is fenced, and with it what it would say about them.
        await expect(commit(marked(3, []))).rejects.toThrow(FencedError)
        const next = await harness.open()
        expect((await next.claim('third', T0)).unverified).toHaveLength(2)
        await next.commit(marked(3, [{ ...mark, sinceMs: T0 + 1 }]), tinyDecide, openKeyOf)
        expect((await next.claim('fourth', T0)).unverified).toEqual([{ ...mark, sinceMs: T0 + 1 }])
        await next.commit(marked(4, []), tinyDecide, openKeyOf)
        expect((await next.claim('fifth', T0)).unverified).toEqual([])
      })

      it('keeps what each rule said of an entry, and that it was not kept', async () => {
        const known = { ...entry({}, 1), ruleHashes: { a: 'h1', 'slo:s': 'h2' } }
        await commit(request(1, [], { entries: [known, entry({}, 2)] }))
        const hashes = []
        for await (const { ruleHashes } of store.readLog(1)) hashes.push(ruleHashes)
        expect(hashes).toEqual([{ a: 'h1', 'slo:s': 'h2' }, null])
      })

      it('refuses a commit before the shard was claimed', async () => {
        const unclaimed = await harness.open()
        await expectRefused(
          () => unclaimed.commit(request(1), tinyDecide, openKeyOf),
          InvariantError,
          /claimed before/,
        )
      })

      it('fences the former owner from the moment another claimed the shard', async () => {
        await commit(request(1, [change('opened')]))
        const second = await harness.open()
        await second.claim('second', T0)
        await expectRefused(() => commit(request(2)), FencedError, /taken over by second/)
        await second.commit(request(2), tinyDecide, openKeyOf)
        await expectRefused(() => commit(request(2)), FencedError, /epoch 2, ours is 1/)
      })

      it('fences whoever finds another entry under its number', async () => {
        await commit(request(1, [change('opened')]))
        await expectRefused(() => commit(request(1)), FencedError, /another writer/)
        const changed = request(1, [change('opened')])
        const body = { ...changed.entries[0]!.body, nowMs: 5 }
        await expectRefused(
          () => commit({ ...changed, entries: [{ ...changed.entries[0]!, body }] }),
          FencedError,
          /another writer/,
        )
      })

      it('fences an equal entry of another epoch, also when it is our own earlier one', async () => {
        await commit(request(1, [change('opened')]))
        await store.claim('first again', T0)
        await expectRefused(
          () => commit(request(1, [change('opened')])),
          FencedError,
          /another writer/,
        )
      })

      it('refuses a commit that would leave a hole in the log', async () => {
        await commit(request(1))
        await expectRefused(() => commit(request(3)), InvariantError, /ends before 2/)
      })

      it('refuses a commit without entries', async () => {
        await expectRefused(
          () => commit(request(1, [], { entries: [] })),
          InvariantError,
          /at least one entry/,
        )
      })
    })

    describe('one transaction', () => {
      it('writes nothing when the decision throws, and everything when it is tried again', async () => {
        const asked = request(1, [change('opened')], {
          entries: [
            entry({ slo: [{ slo: 's', group: '[]', minuteMs: T0, total: 2, bad: 1 }] }),
            entry({ episodes: [change('opened')] }, 1),
          ],
        })
        class Unlucky extends Error {}
        await expectRefused(
          () =>
            commit(asked, () => {
              throw new Unlucky('unlucky')
            }),
          Unlucky,
          /unlucky/,
        )
        const result = await commit(asked)
        expect(result.lastNo).toBe(2)
        const dump = await harness.dump()
        expect(dump['input_log']).toHaveLength(2)
        expect(dump['incident']).toHaveLength(1)
      })

      it('recognises an equal commit whose answer was lost, and decides nothing again', async () => {
        const asked = request(1, [change('opened')], {
          entries: [
            entry({
              episodes: [change('opened')],
              slo: [{ slo: 's', group: '[]', minuteMs: T0, total: 2, bad: 1 }],
              ledger: [{ ruleId: 'r', hourMs: T0, class: 'skipped', reason: 'late', count: 3 }],
            }),
          ],
          commands: [command('c1', { kind: 'note', incidentId: 'i-e1', text: 'seen' })],
        })
        const first = await commit(asked)
        const before = await harness.dump()
        const again = await commit(asked, () => {
          throw new Error('it must not be decided again')
        })
        expect(again).toEqual(first)
        expect(again.decision.results).toHaveLength(1)
        expect(await harness.dump()).toEqual(before)
        expect(await harness.slo.totals()).toEqual([{ slo: 's', total: 2, bad: 1 }])
      })

      it('refuses a retry that brings other commands: they would be lost', async () => {
        await commit(request(1))
        const note = command('c1', { kind: 'note', incidentId: 'i-e1', text: 'seen' })
        await expectRefused(
          () => commit(request(1, [], { commands: [note] })),
          InvariantError,
          /a retry must be the same request/,
        )
      })

      it('answers what the engine calls its episodes in the result', async () => {
        await commit(request(1, [change('opened')]))
        const result = await commit(request(2, [change('opened', { id: 'e2' })]))
        expect(result.aliases).toEqual(new Map([['e2', 'e1']]))
      })
    })

    describe('what decide is given', () => {
      const inputs: DecideInput[] = []
      const spy: Decide = (input) => {
        inputs.push(input)
        return tinyDecide(input)
      }
      beforeEach(() => void inputs.splice(0))

      it('holds the incident that absorbs, the one that owns and the one a command names', async () => {
        const us = { id: 'e2', group: { region: 'us' }, groupKey: '["us"]' }
        const asia = { id: 'e3', group: { region: 'asia' }, groupKey: '["asia"]' }
        await commit(request(1, [change('opened'), change('opened', us), change('opened', asia)]))
        const later = { id: 'e4', startMs: T0 + 9e6, endMs: T0 + 9e6 }
        await commit(
          request(2, [change('opened', later), change('cleared', us)], {
            commands: [command('c1', { kind: 'note', incidentId: 'i-e3', text: 'seen' })],
          }),
          spy,
        )
        const [input] = inputs
        expect(input!.incidents.map((incident) => incident.id)).toEqual(['i-e1', 'i-e2', 'i-e3'])
        expect(input!.nextNumber).toBe(4)
        expect(input!.previous.size).toBe(0)
        const latest = [...input!.latestEpisodes].map(([id, episode]) => [id, episode.id])
        expect(latest).toEqual([
          ['i-e1', 'e1'],
          ['i-e2', 'e2'],
          ['i-e3', 'e3'],
        ])
      })

      it('counts the firing episodes of each incident as they are after the changes', async () => {
        const later = { id: 'e2', startMs: T0 + 9e6, endMs: T0 + 9e6 }
        const third = { id: 'e3', startMs: T0 + 18e6, endMs: T0 + 18e6 }
        await commit(request(1, [change('opened'), change('opened', later)]), spy)
        expect(inputs[0]!.firingEpisodes).toEqual(new Map())
        await commit(request(2, [change('cleared'), change('opened', third)]), spy)
        expect(inputs[1]!.firingEpisodes).toEqual(new Map([['i-e1', 1]]))
        await commit(request(3, [change('refired'), change('changed')]), spy)
        expect(inputs[2]!.firingEpisodes).toEqual(new Map([['i-e1', 3]]))
        const over = [change('cleared'), change('settled', later), change('settled', third)]
        await commit(request(4, over), spy)
        expect(inputs[3]!.firingEpisodes).toEqual(new Map())
      })

      it('holds the latest incident that absorbs no longer, for a recurrence', async () => {
        await commit(request(1, [change('opened')]))
        const dismiss = (id: string, incidentId: string) =>
          command(id, { kind: 'dismiss', incidentId, as: 'benign', reason: 'known' })
        await commit(request(2, [change('settled')], { commands: [dismiss('c1', 'i-e1')] }))
        const second = { id: 'e2', startMs: T0 + 9e6, endMs: T0 + 9e6 }
        await commit(request(3, [change('opened', second)]), spy)
        expect([...inputs[0]!.previous.values()].map((incident) => incident.id)).toEqual(['i-e1'])
        const detail = await harness.readModel.incident('i-e2')
        expect(detail?.incident.recurrenceOf).toBe('i-e1')
        await commit(request(4, [change('settled', second)], { commands: [dismiss('c2', 'i-e2')] }))
        const third = { id: 'e3', startMs: T0 + 18e6, endMs: T0 + 18e6 }
        await commit(request(5, [change('opened', third)]), spy)
        expect([...inputs[1]!.previous.values()].map((incident) => incident.id)).toEqual(['i-e2'])
      })

      it('holds the incident that absorbs under the dedup key of the one a command names', async () => {
        await commit(request(1, [change('opened')]))
        const dismiss = { kind: 'dismiss', incidentId: 'i-e1', as: 'benign', reason: 'x' } as const
        await commit(request(2, [change('settled')], { commands: [command('c1', dismiss)] }))
        await commit(
          request(3, [change('opened', { id: 'e2', startMs: T0 + 9e6, endMs: T0 + 9e6 })]),
        )
        const note = { kind: 'note', incidentId: 'i-e1', text: 'x' } as const
        await commit(request(4, [], { commands: [command('c2', note)] }), spy)
        expect(inputs[0]!.incidents.map((incident) => incident.id)).toEqual(['i-e1', 'i-e2'])
      })

      it('shows an episode after each of its changes, with what was stored of it before', async () => {
        await commit(request(1, [change('opened')]))
        await commit(request(2, [change('changed', { matches: 2 }), change('cleared')]), spy)
        expect(
          inputs[0]!.changes.map(({ change, episode, incidentId, adopted, mode }) => [
            change.change,
            episode.state,
            episode.matches,
            incidentId,
            adopted,
            mode,
          ]),
        ).toEqual([
          ['changed', 'open', 2, 'i-e1', false, 'real'],
          ['cleared', 'cleared', 1, 'i-e1', false, 'real'],
        ])
      })
    })

    describe('incidents', () => {
      const writing = (...incidents: ReturnType<typeof incident>[]): Decide => {
        return () => ({ ...NOTHING, incidents })
      }

      it('forbids two incidents with one open key', async () => {
        await commit(request(1), writing(incident({ version: 1 })))
        await expectRefused(
          () => commit(request(2), writing(incident({ id: 'i2', number: 2, version: 1 }))),
          InvariantError,
          /open_key/,
        )
        const ended = incident({ id: 'i2', number: 2, version: 1, openKey: null })
        await commit(request(2), writing(ended, { ...ended, id: 'i3', number: 3 }))
      })

      it('forbids two incidents with one number', async () => {
        await commit(request(1), writing(incident({ version: 1 })))
        await expectRefused(
          () => commit(request(2), writing(incident({ id: 'i2', version: 1, openKey: null }))),
          InvariantError,
          /number/,
        )
      })

      it('takes a changed incident only one version above the stored one', async () => {
        await commit(request(1), writing(incident({ version: 1 })))
        for (const version of [1, 3]) {
          await expectRefused(
            () => commit(request(2), writing(incident({ version }))),
            InvariantError,
            version === 1 ? /incident\.id|incident_key/ : /not stored as version 2/,
          )
        }
        await commit(request(2), writing(incident({ version: 2, signal: 'clear' })))
        expect((await harness.readModel.incident('1'))?.incident).toEqual(
          incident({ version: 2, signal: 'clear' }),
        )
      })

      it('keeps the report of the event that opened it, as it was sent', async () => {
        const sample = { ref: 'payments@1:0', timeMs: T0, receivedMs: T0, flags: [], fields: {} }
        const evidence = new Map([['payments@1:0', sample]])
        const { decision } = await commit(request(1, [change('opened')], { evidence }))
        await commit(request(2, [change('changed', { value: 9, peak: 9 })]))
        const detail = await harness.readModel.incident('i-e1')
        expect(detail?.report).toEqual(decision.events[0]!.report)
        expect(detail?.report).toMatchObject({ value: 1, firstEvent: sample })
      })
    })

    describe('dispositions', () => {
      it('keeps the current one with the episode and every one in the history', async () => {
        await commit(request(1, [change('opened')]))
        await commit(request(2), () => ({
          ...NOTHING,
          dispositions: [
            {
              episodeId: 'e1',
              disposition: 'silenced',
              incidentId: null,
              cause: 'silence 7',
              actor: 'ada',
            },
          ],
        }))
        const dump = await harness.dump()
        expect(dump['episode']).toMatchObject([{ disposition: 'silenced', incident_id: null }])
        expect(dump['episode_disposition']).toMatchObject([
          { disposition: 'opened', incident_id: 'i-e1', cause: 'tiny', actor: 'tocsin' },
          { disposition: 'silenced', incident_id: null, cause: 'silence 7', actor: 'ada' },
        ])
      })

      it('refuses a decision that leaves a new episode without one (I9)', async () => {
        await expectRefused(
          () => commit(request(1, [change('opened')]), () => NOTHING),
          InvariantError,
          /new episode e1 no disposition/,
        )
      })

      it('refuses a disposition of an episode that is not stored', async () => {
        const disposition = 'shadow' as const
        const given = { episodeId: 'e9', disposition, incidentId: null, cause: 'x', actor: 'x' }
        await expectRefused(
          () => commit(request(1), () => ({ ...NOTHING, dispositions: [given] })),
          InvariantError,
          /e9, which is not stored/,
        )
      })
    })

    describe('commands', () => {
      const note = command('c1', { kind: 'note', incidentId: 'i-e1', text: 'seen' })

      it('are kept with the entry that applied them, who asked, and the answer', async () => {
        await commit(request(1, [change('opened')]))
        const gone = command('c2', { kind: 'acknowledge', incidentId: 'i-e9' }, 4)
        const { decision } = await commit(request(2, [], { commands: [note, gone] }))
        expect(decision.results).toEqual([
          { id: 'c1', ok: true, incidentId: 'i-e1', version: 2 },
          { id: 'c2', ok: false, reason: 'not_found', message: 'there is no such incident' },
        ])
        const rows = (await harness.dump())['command']!
        expect(rows).toMatchObject([
          { id: 'c1', no: 2, ordinal: 0, actor: 'ada', incident_id: 'i-e1' },
          { id: 'c2', no: 2, ordinal: 1, expected_version: 4, incident_id: 'i-e9' },
        ])
        expect(rows.map((row) => JSON.parse(row['result'] as string))).toEqual(decision.results)
      })

      it('are applied once: one that comes again gets its first answer', async () => {
        await commit(request(1, [change('opened')], { commands: [note] }))
        const again = await commit(request(2, [], { commands: [note] }))
        expect(again.decision.results).toEqual([
          { id: 'c1', ok: true, incidentId: 'i-e1', version: 1 },
        ])
        expect(again.decision.timeline).toEqual([])
        expect((await harness.dump())['timeline']).toHaveLength(1)
      })

      it('are applied once also when they come twice in one commit', async () => {
        await commit(request(1, [change('opened')]))
        const { decision } = await commit(request(2, [], { commands: [note, note] }))
        expect(decision.results).toEqual([{ id: 'c1', ok: true, incidentId: 'i-e1', version: 2 }])
        expect((await harness.dump())['timeline']).toHaveLength(1)
      })

      it('must all be answered by the decision', async () => {
        await expectRefused(
          () => commit(request(1, [], { commands: [note] }), () => NOTHING),
          InvariantError,
          /c1 was not answered/,
        )
      })
    })

    describe('outbox', () => {
      const sending = (sequences: readonly number[], receiver = 'hook', id = 'i-e1'): Decide => {
        return () => ({
          ...NOTHING,
          deliveries: sequences.map((sequence) =>
            delivery(incident({ id, sequence }), T0 + sequence, receiver),
          ),
        })
      }
      const due = async (nowMs: number, ...except: string[]) =>
        (await harness.outbox.due(nowMs, 100, except)).map((pending) => pending.id)

      beforeEach(async () => {
        await commit(request(1, [change('opened')]))
      })

      it('gives a delivery as it was written, until it is delivered', async () => {
        const { decision } = await commit(request(2))
        expect(decision.deliveries).toEqual([])
        const [first] = await harness.outbox.due(T0 + 1, 10)
        expect(first).toEqual({
          ...delivery(incident({ id: 'i-e1', sequence: 1 }), T0 + 1),
          state: 'pending',
          attempt: 0,
          nextMs: T0 + 1,
        })
        expect(await due(T0)).toEqual([])
        const delivered = attempt('d-i-e1-1-hook', { outcome: 'delivered', nextMs: null })
        await commit(request(3, [], { attempts: [delivered] }))
        expect(await due(T0 + 1e9)).toEqual([])
        expect(await harness.outbox.nextDueMs()).toBeNull()
      })

      it('gives only the first undelivered of each receiver and order key (I11)', async () => {
        await commit(request(2), sending([2, 3]))
        await commit(request(3), sending([2], 'other'))
        expect(await due(T0 + 1e6)).toEqual(['d-i-e1-1-hook', 'd-i-e1-2-other'])
        expect(await due(T0 + 1e6, 'hook', 'nobody')).toEqual(['d-i-e1-2-other'])
        const failed = attempt('d-i-e1-1-hook', { nextMs: T0 + 5e6 })
        await commit(request(4, [], { attempts: [failed] }))
        expect(await due(T0 + 1e6)).toEqual(['d-i-e1-2-other'])
        const dead = attempt('d-i-e1-1-hook', { attempt: 2, outcome: 'dead', nextMs: null })
        await commit(request(5, [], { attempts: [dead] }))
        expect(await due(T0 + 1e6)).toEqual(['d-i-e1-2-hook', 'd-i-e1-2-other'])
      })

      it('lets the deliveries of one order key wait for none of another', async () => {
        const us = { id: 'e2', group: { region: 'us' }, groupKey: '["us"]' }
        await commit(request(2, [change('opened', us)]))
        const sent = attempt('d-i-e2-1-hook', { outcome: 'delivered', nextMs: null })
        await commit(request(3, [], { attempts: [sent] }), sending([2], 'hook', 'i-e2'))
        expect(await due(T0 + 1e6)).toEqual(['d-i-e1-1-hook', 'd-i-e2-2-hook'])
      })

      it('gives the longest due first, and no more than asked for', async () => {
        const us = { id: 'e2', group: { region: 'us' }, groupKey: '["us"]' }
        await commit(request(2, [change('opened', us)], { nowMs: T0 - 5 }))
        expect(await due(T0 + 1e6)).toEqual(['d-i-e2-1-hook', 'd-i-e1-1-hook'])
        expect((await harness.outbox.due(T0 + 1e6, 1)).map((one) => one.id)).toEqual([
          'd-i-e2-1-hook',
        ])
        expect(await harness.outbox.nextDueMs()).toBe(T0 - 5)
      })

      it('queues a delivery once, whatever writes it again', async () => {
        await commit(request(2), sending([2]))
        const sent = attempt('d-i-e1-2-hook', { outcome: 'delivered', nextMs: null })
        await commit(request(3, [], { attempts: [sent] }))
        await commit(request(4), sending([2]))
        const rows = (await harness.dump())['outbox']!
        expect(rows.map((row) => [row['id'], row['state']])).toEqual([
          ['d-i-e1-1-hook', 'pending'],
          ['d-i-e1-2-hook', 'delivered'],
        ])
      })

      it('refuses two deliveries with one place in the order', async () => {
        const twice = { ...delivery(incident({ id: 'i-e1', sequence: 1 }), T0), id: 'another' }
        await expectRefused(
          () => commit(request(2), () => ({ ...NOTHING, deliveries: [twice] })),
          InvariantError,
          /sequence|outbox_order/,
        )
      })

      it('keeps every attempt, and the next time with the delivery', async () => {
        await commit(request(2, [], { attempts: [attempt('d-i-e1-1-hook')] }))
        expect(await harness.outbox.nextDueMs()).toBe(T0 + 2_000)
        expect(await due(T0 + 1_999)).toEqual([])
        expect(await harness.outbox.due(T0 + 2_000, 10)).toMatchObject([{ attempt: 1 }])
        const page = await harness.readModel.deliveries({ limit: 10 })
        expect(page.items).toMatchObject([
          { attempts: 1, lastStatus: 503, lastReason: 'serverError', lastDetail: 'try later' },
        ])
        expect((await harness.dump())['attempt']).toMatchObject([
          { delivery_id: 'd-i-e1-1-hook', attempt: 1, duration_ms: 12, outcome: 'retry' },
        ])
      })

      it('lets no late report of an earlier attempt move a delivery back', async () => {
        const second = attempt('d-i-e1-1-hook', { attempt: 2, outcome: 'delivered', nextMs: null })
        await commit(request(2, [], { attempts: [second] }))
        await commit(request(3, [], { attempts: [second, attempt('d-i-e1-1-hook')] }))
        expect(await due(T0 + 1e9)).toEqual([])
        const dump = await harness.dump()
        expect(dump['outbox']).toMatchObject([{ state: 'delivered', attempt: 2 }])
        expect(dump['attempt']).toHaveLength(2)
      })

      it('refuses an attempt at a delivery that it does not know', async () => {
        await expectRefused(
          () => commit(request(2, [], { attempts: [attempt('d9')] })),
          InvariantError,
          /d9, which is not stored/,
        )
      })

      it('remembers a receiver that wants nothing more, and still hands out its deliveries', async () => {
        const gone = attempt('d-i-e1-1-hook', {
          outcome: 'dead',
          status: 410,
          reason: 'gone',
          nextMs: null,
          disablesReceiver: true,
        })
        await commit(request(2), sending([2]))
        expect(await harness.outbox.disabledReceivers()).toEqual([])
        await commit(request(3, [], { attempts: [gone] }))
        expect(await harness.outbox.disabledReceivers()).toEqual(['hook'])
        // The sender takes them and reports them dead, with the reason `disabled`.
        expect(await due(T0 + 1e6)).toEqual(['d-i-e1-2-hook'])
      })

      it('counts what waits and what is dead per receiver', async () => {
        await commit(request(2), sending([2, 3]))
        await commit(request(3), sending([1, 2], 'other'))
        const dead = attempt('d-i-e1-1-other', { outcome: 'dead', nextMs: null })
        await commit(request(4, [], { attempts: [dead] }))
        expect(await harness.outbox.backlog()).toEqual([
          { receiver: 'hook', pending: 3, dead: 0, oldestMs: T0 + 1 },
          { receiver: 'other', pending: 1, dead: 1, oldestMs: T0 + 2 },
        ])
      })
    })

    describe('counts', () => {
      it('add up per objective, and per minute of event time', async () => {
        const slo = (minute: number, total: number, bad: number, group = '["eu"]') => ({
          slo: 'checkout',
          group,
          minuteMs: T0 + minute * 60_000,
          total,
          bad,
        })
        const other = { slo: 'api', group: '[]', minuteMs: T0, total: 5, bad: 5 }
        await commit(
          request(1, [], {
            entries: [
              entry({ slo: [slo(0, 10, 1), slo(1, 20, 2), other] }),
              entry({ slo: [slo(0, 1, 0), slo(1, 2, 1, '["us"]')] }, 1),
            ],
          }),
        )
        await commit(request(3, [], { entries: [entry({ slo: [slo(2, 100, 0)] }, 2)] }))
        expect(await harness.slo.totals()).toEqual([
          { slo: 'api', total: 5, bad: 5 },
          { slo: 'checkout', total: 133, bad: 4 },
        ])
        const window = (from: number, to: number) =>
          harness.slo.window('checkout', T0 + from * 60_000, T0 + to * 60_000)
        expect(await window(0, 1)).toEqual({ total: 11, bad: 1 })
        expect(await window(1, 3)).toEqual({ total: 122, bad: 3 })
        expect(await window(3, 9)).toEqual({ total: 0, bad: 0 })
        expect(await harness.slo.latestMinute('checkout')).toBe(T0 + 120_000)
        expect(await harness.slo.latestMinute('nothing')).toBeNull()
      })

      it('balance the ledger per rule, hour, class and reason', async () => {
        const row = { ruleId: 'r', hourMs: T0 }
        const ledger = [
          { ...row, class: 'episode', reason: null, count: 2 },
          { ...row, class: 'skipped', reason: 'late', count: 1 },
          { ...row, class: 'skipped', reason: 'cap', count: 1 },
        ] as const
        await commit(request(1, [], { entries: [entry({ ledger }), entry({ ledger }, 1)] }))
        expect((await harness.dump())['ledger']).toEqual([
          { rule_id: 'r', hour_ms: T0, class: 'episode', reason: '', n: 4 },
          { rule_id: 'r', hour_ms: T0, class: 'skipped', reason: 'cap', n: 2 },
          { rule_id: 'r', hour_ms: T0, class: 'skipped', reason: 'late', n: 2 },
        ])
      })
    })

    describe('log and rule sets', () => {
      it('reads the log in order from an entry on, as it was written', async () => {
        const entries = Array.from({ length: 1_203 }, (_, i) => entry({}, i))
        await commit(request(1, [], { entries: entries.slice(0, 1_000) }))
        await commit(request(1_001, [], { entries: entries.slice(1_000) }))
        const all = await collect(store.readLog(1))
        expect(all.map((one) => one.no)).toEqual(entries.map((_, i) => i + 1))
        expect(all.map((one) => one.body)).toEqual(entries.map((one) => one.body))
        expect(all[1_001]).toEqual({
          no: 1_002,
          epoch: 1,
          body: entries[1_001]!.body,
          engineVersion: 'engine1',
          effectsHash: entries[1_001]!.effectsHash,
          ruleHashes: null,
        })
        expect((await collect(store.readLog(1_200))).map((one) => one.no)).toEqual([
          1_200, 1_201, 1_202, 1_203,
        ])
        expect(await collect(store.readLog(1_204))).toEqual([])
      })

      it('keeps every kind of entry', async () => {
        const bodies: LogEntry['body'][] = [
          {
            kind: 'clock',
            nowMs: T0,
            partitions: [{ id: 'payments@1', link: 'up', progress: 'idle' }],
          },
          { kind: 'rules', nowMs: T0, ruleset: 'rules2' },
          { kind: 'list', nowMs: T0, name: 'hosts', version: 'v2' },
        ]
        const entries = bodies.map((body) => ({ ...entry(), body, partitions: [] }))
        await commit(request(1, [], { entries }))
        expect((await collect(store.readLog(0))).map((one) => one.body)).toEqual(bodies)
      })

      it('lets commits go on while the log is read', async () => {
        await commit(
          request(1, [], { entries: Array.from({ length: 700 }, (_, i) => entry({}, i)) }),
        )
        const seen: number[] = []
        for await (const { no } of store.readLog(1)) {
          seen.push(no)
          if (no === 10) await commit(request(701))
        }
        expect(seen).toEqual(Array.from({ length: 701 }, (_, i) => i + 1))
      })

      it('keeps the content of rule sets by hash', async () => {
        expect(await store.loadRuleset('h1')).toBeUndefined()
        await store.saveRuleset('h1', 'rule: "ä"\n', T0)
        await store.saveRuleset('h1', 'rule: "ä"\n', T0 + 1)
        expect(await (await harness.open()).loadRuleset('h1')).toBe('rule: "ä"\n')
      })
    })
  })
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
