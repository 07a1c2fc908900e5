import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GapQuery, Page } from '../../src/http/read-model.ts'
import type { CoreStore, Gap, LedgerDelta, ListeningGap } from '../../src/model/commit.ts'
import { ProblemError } from '../../src/model/problem.ts'
import {
  attempt,
  change,
  command,
  entry,
  incident,
  NOTHING,
  openKeyOf,
  request,
  T0,
  tinyDecide,
} from '../store/builders.ts'
import type { CreateHarness, StoreHarness } from './store-harness.ts'

/** What the API and the page may rely on, whatever the database. */
export function readModelContract(name: string, create: CreateHarness): void {
  describe(`${name} as the read model`, () => {
    let harness: StoreHarness
    let store: CoreStore
    let nextNo: number

    beforeEach(async () => {
      harness = await create()
      store = await harness.open()
      await store.claim('first', T0)
      nextNo = 1
    })
    afterEach(() => harness.close())

    /** Opens one incident per number, with one episode and one delivery each. */
    const open = async (from: number, to: number) => {
      for (let n = from; n <= to; n++) {
        const group = { host: String(n) }
        const over = { id: `e${n}`, group, groupKey: JSON.stringify([String(n)]) }
        await store.commit(request(nextNo++, [change('opened', over)]), tinyDecide, openKeyOf)
      }
    }
    const write = async (...incidents: ReturnType<typeof incident>[]) => {
      await store.commit(request(nextNo++), () => ({ ...NOTHING, incidents }), openKeyOf)
    }

    /** Reads a list to its end, adding rows after the first page. */
    const readThrough = async <T>(read: (cursor?: string) => Promise<Page<T>>) => {
      const first = await read()
      await open(8, 9)
      const items = [...first.items]
      let pages = 1
      for (let next = first.next; next !== null; pages++) {
        const page = await read(next)
        items.push(...page.items)
        next = page.next
      }
      return { items, pages }
    }
    const withCursor = (cursor?: string) => (cursor === undefined ? {} : { cursor })

    it('pages incidents newest first; rows that are added neither repeat nor hide one', async () => {
      await open(1, 7)
      const { items, pages } = await readThrough((cursor) =>
        harness.readModel.incidents({ limit: 3, ...withCursor(cursor) }),
      )
      expect(items.map((one) => one.number)).toEqual([7, 6, 5, 4, 3, 2, 1])
      expect(pages).toBe(3)
    })

    it('pages episodes and deliveries the same way', async () => {
      await open(1, 7)
      const episodes = await readThrough((cursor) =>
        harness.readModel.episodes({ limit: 3, ...withCursor(cursor) }),
      )
      expect(episodes.items.map((one) => one.id)).toEqual([7, 6, 5, 4, 3, 2, 1].map((n) => `e${n}`))
      const deliveries = await harness.readModel.deliveries({ limit: 9 })
      expect(deliveries.items.map((one) => one.incidentId)).toEqual(
        [9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => `i-e${n}`),
      )
      expect(deliveries.next).toBeNull()
    })

    /** Commits gaps, one entry each, found a millisecond after the other. */
    const found = async (...gaps: Gap[]) => {
      for (const gap of gaps) {
        const entries = [{ ...entry({}, nextNo), gaps: [gap] }]
        await store.commit(request(nextNo++, [], { entries }), tinyDecide, openKeyOf)
      }
    }
    const apart = (over: Partial<ListeningGap>): ListeningGap => ({
      reason: 'disconnected',
      partition: 'web@1',
      at: 3,
      fromMs: T0,
      toMs: T0 + 10,
      ...over,
    })

    it('lists what is missing, the latest known first, with when, why and how much', async () => {
      await found(
        { reason: 'journal', partition: 'web@1', from: 4, to: 6 },
        { reason: 'dropped', partition: 'web@1', records: 7, fromMs: T0, toMs: T0 + 9, at: 6 },
        apart({ reason: 'down', partition: 'web@2', at: 0 }),
      )
      const { items } = await harness.readModel.gaps({ limit: 9 })
      const of = { input: 'web', partition: 'web@1', fromMs: T0 }
      expect(items).toEqual([
        {
          ...of,
          partition: 'web@2',
          reason: 'down',
          toMs: T0 + 10,
          records: 0,
          fromPosition: 0,
          toPosition: 0,
        },
        { ...of, reason: 'dropped', toMs: T0 + 9, records: 7, fromPosition: 6, toPosition: 6 },
        {
          ...of,
          reason: 'journal',
          fromMs: T0 + 1,
          toMs: T0 + 1,
          records: 2,
          fromPosition: 4,
          toPosition: 6,
        },
      ])
    })

    it('has one gap for what lasts and then ends', async () => {
      await found(apart({ toMs: null }))
      const read = async () => (await harness.readModel.gaps({ limit: 9 })).items
      expect(await read()).toMatchObject([{ fromMs: T0, toMs: null }])
      await found(apart({ toMs: T0 + 70, at: 5 }))
      expect(await read()).toMatchObject([{ fromMs: T0, toMs: T0 + 70, toPosition: 5 }])
      await found(apart({ fromMs: T0 + 80, toMs: T0 + 90 }))
      expect(await read()).toHaveLength(2)
    })

    it('ends a gap that lasted when its owner is replaced, where it listened last', async () => {
      await found(apart({ toMs: null }), apart({ partition: 'late@1', fromMs: T0 + 9, toMs: null }))
      await store.commit(request(nextNo++, [], { listenedMs: T0 + 5 }), tinyDecide, openKeyOf)
      await (await harness.open()).claim('second', T0 + 100)
      const { items } = await harness.readModel.gaps({ limit: 9 })
      expect(items.map(({ toMs }) => toMs)).toEqual([T0 + 9, T0 + 5])
    })

    it('finds gaps by input and by time, page by page', async () => {
      await found(
        apart({ fromMs: T0, toMs: T0 + 10 }),
        apart({ fromMs: T0 + 20, toMs: T0 + 30 }),
        apart({ partition: 'web-2@1', fromMs: T0 + 20, toMs: T0 + 30 }),
        apart({ fromMs: T0 + 40, toMs: null }),
      )
      const of = async (query: Omit<GapQuery, 'limit'>) => {
        const { items } = await harness.readModel.gaps({ limit: 9, ...query })
        return items.map(({ input, fromMs }) => `${input} ${fromMs - T0}`)
      }
      expect(await of({ input: 'web' })).toEqual(['web 40', 'web 20', 'web 0'])
      expect(await of({ input: 'web', fromMs: T0 + 10, toMs: T0 + 40 })).toEqual(['web 20'])
      expect(await of({ fromMs: T0 + 1_000 })).toEqual(['web 40'])
      expect(await of({ toMs: T0 })).toEqual([])
      const first = await harness.readModel.gaps({ limit: 3 })
      const rest = await harness.readModel.gaps({ limit: 3, ...withCursor(first.next ?? '') })
      expect(first.items.length + rest.items.length).toBe(4)
      expect(rest.next).toBeNull()
    })

    it('says that there is no next page when the last row was given', async () => {
      await open(1, 3)
      expect((await harness.readModel.incidents({ limit: 3 })).next).toBeNull()
      expect((await harness.readModel.incidents({ limit: 2 })).next).not.toBeNull()
      expect(await harness.readModel.incidents({ limit: 3, open: false })).toEqual({
        items: [],
        next: null,
      })
    })

    it('gives at most 500 rows and at least one, whatever was asked for', async () => {
      await write(
        ...Array.from({ length: 502 }, (_, i) =>
          incident({ id: `i${i + 1}`, number: i + 1, version: 1, openKey: `key ${i}` }),
        ),
      )
      for (const [limit, given] of [
        [1_000, 500],
        [0, 1],
        [-3, 1],
        [Number.NaN, 1],
        [2.7, 2],
      ] as const) {
        expect((await harness.readModel.incidents({ limit })).items).toHaveLength(given)
      }
    })

    it.each(['', 'x', '!!!', 'YzE6MQ', 'YzE6LTE', 'YzE6MSBPUiAx', "' OR 1=1 --"])(
      'refuses the cursor %j unless a page ended with it',
      async (cursor) => {
        await open(1, 2)
        const read = harness.readModel.incidents({ limit: 1, cursor })
        if (cursor === 'YzE6MQ') expect((await read).items).toEqual([])
        else await expect(read).rejects.toBeInstanceOf(ProblemError)
      },
    )

    it('filters incidents by phase, severity and whether they are open', async () => {
      const ended = { openKey: null, version: 1 } as const
      await write(
        incident({ version: 1, severity: 'critical' }),
        incident({ ...ended, id: 'i2', number: 2, phase: 'lessons_learned' }),
        incident({ ...ended, id: 'i3', number: 3, phase: 'closed' }),
        incident({ ...ended, id: 'i4', number: 4, phase: 'dismissed' }),
        incident({ ...ended, id: 'i5', number: 5, phase: 'merged', severity: 'critical' }),
      )
      const numbers = async (query: object) => {
        const page = await harness.readModel.incidents({ limit: 10, ...query })
        return page.items.map((one) => one.number)
      }
      expect(await numbers({ open: true })).toEqual([2, 1])
      expect(await numbers({ open: false })).toEqual([5, 4, 3])
      expect(await numbers({ phase: 'closed' })).toEqual([3])
      expect(await numbers({ severity: 'critical' })).toEqual([5, 1])
      expect(await numbers({ severity: 'critical', open: true })).toEqual([1])
      expect(await harness.readModel.counts()).toEqual({
        open: expect.toSatisfy((rows: unknown[]) => rows.length === 2),
        total: expect.arrayContaining([
          { severity: 'critical', mode: 'real', count: 2 },
          { severity: 'high', mode: 'real', count: 3 },
        ]),
      })
      expect((await harness.readModel.counts()).open).toContainEqual({
        severity: 'critical',
        phase: 'identification',
        mode: 'real',
        count: 1,
      })
    })

    it('filters episodes and deliveries', async () => {
      await open(1, 3)
      const other = { id: 'e4', ruleId: 'other' }
      const dead = attempt('d-i-e2-1-hook', { outcome: 'dead', nextMs: null })
      await store.commit(
        request(nextNo++, [change('opened', other)], { attempts: [dead] }),
        tinyDecide,
        openKeyOf,
      )
      const { readModel } = harness
      expect((await readModel.episodes({ limit: 9, ruleId: 'other' })).items).toMatchObject([
        { id: 'e4', disposition: 'opened', incidentId: 'i-e4' },
      ])
      expect((await readModel.episodes({ limit: 9, incidentId: 'i-e2' })).items).toMatchObject([
        { id: 'e2' },
      ])
      expect((await readModel.deliveries({ limit: 9, state: 'dead' })).items).toMatchObject([
        { id: 'd-i-e2-1-hook', state: 'dead', nextMs: null, attempts: 1 },
      ])
      expect((await readModel.deliveries({ limit: 9, receiver: 'nobody' })).items).toEqual([])
    })

    it('shows an incident with its timeline, episodes, deliveries and report', async () => {
      await open(1, 2)
      const note = command('c1', { kind: 'note', incidentId: 'i-e1', text: 'looked' })
      const cleared = change('cleared', { id: 'e1', group: { host: '1' }, groupKey: '["1"]' })
      await store.commit(request(nextNo++, [cleared], { commands: [note] }), tinyDecide, openKeyOf)
      const detail = await harness.readModel.incident('i-e1')
      expect(detail).toMatchObject({
        incident: { id: 'i-e1', number: 1, signal: 'clear', version: 2, group: { host: '1' } },
        timeline: [
          { kind: 'episode', text: 'cleared', actor: 'tocsin' },
          { kind: 'note', text: 'looked', actor: 'ada', data: { id: 'c1' } },
        ],
        episodes: [{ id: 'e1', state: 'cleared' }],
        deliveries: [{ id: 'd-i-e1-1-hook', state: 'pending', attempts: 0 }],
        report: { rule: { id: 'checkout-5xx' } },
      })
      expect(detail?.timeline[0]).not.toHaveProperty('data')
      expect(await harness.readModel.incident('1')).toEqual(detail)
    })

    it('sums the ledger by hour, newest first, in pages of whole hours', async () => {
      const hour = (nth: number) => T0 + nth * 3_600_000
      const row = (nth: number, count: number, over: Partial<LedgerDelta> = {}): LedgerDelta => ({
        ruleId: 'checkout-5xx',
        hourMs: hour(nth),
        class: 'below',
        reason: null,
        count,
        ...over,
      })
      const commit = (...ledger: readonly LedgerDelta[]) =>
        store.commit(
          request(nextNo, [], { entries: [entry({ ledger }, nextNo++)] }),
          tinyDecide,
          openKeyOf,
        )
      const late = { class: 'skipped', reason: 'late' } as const
      await commit(row(0, 5), row(0, 1, late), row(2, 7, { class: 'episode' }))
      await commit(row(0, 3), row(0, 1, { class: 'skipped', reason: 'cap' }), row(1, 4))
      await commit(row(0, 2, late), row(1, 9, { ruleId: 'other' }), row(-600_000, 1, late))

      const expected = [
        { hourMs: hour(2), class: 'episode', reason: null, count: 7 },
        { hourMs: hour(1), class: 'below', reason: null, count: 4 },
        { hourMs: hour(0), class: 'below', reason: null, count: 8 },
        { hourMs: hour(0), class: 'skipped', reason: 'cap', count: 1 },
        { hourMs: hour(0), class: 'skipped', reason: 'late', count: 3 },
        { hourMs: hour(-600_000), class: 'skipped', reason: 'late', count: 1 },
      ]
      expect(hour(-600_000)).toBeLessThan(0)
      const ruleId = 'checkout-5xx'
      const whole = await harness.readModel.ledger({ ruleId, limit: 9 })
      expect(whole).toEqual({ items: expected, next: null })
      for (const limit of [1, 2, 3]) {
        const { items, pages } = await readThrough((cursor) =>
          harness.readModel.ledger({ ruleId, limit, ...withCursor(cursor) }),
        )
        expect(items).toEqual(expected)
        expect(pages).toBe(Math.ceil(4 / limit))
      }
      expect(await harness.readModel.ledger({ ruleId: 'none', limit: 9 })).toEqual({
        items: [],
        next: null,
      })
    })

    it.each(['i-e9', '9', '0', '-1', '1.0', '1e0', '', "' OR 1=1 --", '99999999999999999999'])(
      'knows no incident %j',
      async (name) => {
        await open(1, 1)
        expect(await harness.readModel.incident(name)).toBeUndefined()
      },
    )
  })
}
