import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  CoreStore,
  OutstandingRecompute,
  Recompute,
  RecomputedEpisode,
} from '../../src/model/commit.ts'
import type { Episode, EpisodeChange } from '../../src/model/episode.ts'
import { change, entry, openKeyOf, request, T0, tinyDecide } from '../store/builders.ts'
import type { CreateHarness, StoreHarness } from './store-harness.ts'

const MINUTE_MS = 60_000

function recompute(over: Partial<Recompute> = {}): Recompute {
  return {
    ruleId: 'checkout-5xx',
    ruleRev: 'rev1',
    ruleset: 'rules1',
    group: '["eu"]',
    fromMs: T0,
    toMs: T0 + MINUTE_MS,
    reachMs: 5 * MINUTE_MS,
    refused: [{ partition: 'payments@1', first: 3, last: 9, witnessedMs: null, below: [] }],
    ...over,
  }
}

/** An episode that was read back; times in minutes. */
function readBack(
  ids: readonly number[],
  id: string,
  [from, to]: readonly [number, number],
  over: Partial<RecomputedEpisode & { matches: number }> = {},
): RecomputedEpisode {
  const { episode } = change('settled', {
    id,
    startMs: T0 + from * MINUTE_MS,
    endMs: T0 + to * MINUTE_MS,
    matches: over.matches ?? 4,
  })
  const rest = { mode: 'real', ruleset: 'rules1', lateMatches: 2, cause: 'it came late' } as const
  return { ids, episode, ...rest, ...over }
}

/** What every database must do with late matches that are read back (design §4.2). */
export function oldNewsContract(name: string, create: CreateHarness): void {
  describe(`late matches on ${name}`, () => {
    let harness: StoreHarness
    let store: CoreStore
    let no = 0

    beforeEach(async () => {
      harness = await create()
      store = await harness.open()
      await store.claim('first', T0)
      no = 0
    })
    afterEach(() => harness.close())

    const commit = async (
      over: {
        readonly recomputes?: readonly Recompute[]
        readonly episodes?: readonly EpisodeChange[]
        readonly answers?: readonly RecomputedEpisode[]
        readonly ids?: readonly number[]
      } = {},
    ) => {
      const { recomputes = [], episodes = [], answers = [], ids = [] } = over
      no++
      const asked = request(no, [], {
        entries: [entry({ episodes, recomputes }, no)],
        recomputed: ids.length > 0 ? [{ ids, episodes: answers }] : [],
      })
      return (await store.commit(asked, tinyDecide, openKeyOf)).recomputes
    }
    const ask = async (over?: Partial<Recompute>): Promise<OutstandingRecompute> => {
      await commit({ recomputes: [recompute(over)] })
      return (await store.outstandingRecomputes(100)).at(-1)!
    }
    const answer = (
      { id }: OutstandingRecompute,
      ...answers: Parameters<typeof readBack> extends readonly [unknown, ...infer Rest]
        ? readonly Rest[]
        : never
    ) =>
      commit({
        ids: [id],
        answers: answers.map(([as, interval, over]) => readBack([id], as, interval, over)),
      })
    const episodes = async () => (await harness.readModel.episodes({ limit: 100 })).items
    const minute = (episode: Pick<Episode, 'startMs' | 'endMs'>): number[] =>
      [episode.startMs, episode.endMs].map((ms) => (ms - T0) / MINUTE_MS)

    it('are outstanding from the entry that asks until the commit that answers', async () => {
      const first = await ask()
      expect(first).toMatchObject(recompute())
      await ask({ group: '["us"]' })
      expect(await store.outstandingRecomputes(1)).toEqual([first])
      await answer(first, ['o1', [0, 1]])
      expect((await store.outstandingRecomputes(9)).map(({ group }) => group)).toEqual(['["us"]'])
    })

    it('outlive their owner', async () => {
      await ask()
      const next = await harness.open()
      await next.claim('second', T0)
      expect(await next.outstandingRecomputes(9)).toHaveLength(1)
    })

    it('are recorded as old news, in no incident, and once', async () => {
      const asked = await ask()
      const counts = await answer(asked, ['o1', [0, 1]])
      expect(counts).toMatchObject({ recorded: 1, widened: 0, noted: 0 })
      const again = await answer(asked, ['o1', [0, 1]])
      expect(again).toMatchObject({ recorded: 0, widened: 0, noted: 0 })
      const [episode, ...more] = await episodes()
      expect(more).toEqual([])
      expect(episode).toMatchObject({
        id: 'o1',
        disposition: 'old_news',
        incidentId: null,
        isRecomputed: true,
        lateMatches: 2,
      })
      expect((await harness.dump())['episode_disposition']).toMatchObject([
        { disposition: 'old_news', cause: 'it came late', actor: 'tocsin' },
      ])
    })

    it('are answered from what is stored when the answer to the commit was lost', async () => {
      const { id } = await ask()
      const asked = request(no + 1, [], {
        recomputed: [{ ids: [id], episodes: [readBack([id], 'o1', [0, 1])] }],
      })
      const first = await store.commit(asked, tinyDecide, openKeyOf)
      const before = await harness.dump()
      expect(await store.commit(asked, tinyDecide, openKeyOf)).toEqual(first)
      expect(await harness.dump()).toEqual(before)
    })

    it('are noted on the real episode that they overlap, and recorded nowhere else', async () => {
      await commit({ episodes: [change('opened', { startMs: T0, endMs: T0 + MINUTE_MS })] })
      const counts = await answer(await ask(), ['o1', [-5, 0]])
      expect(counts).toMatchObject({ recorded: 0, noted: 1 })
      const [episode, ...more] = await episodes()
      expect(more).toEqual([])
      expect(episode).toMatchObject({ id: 'e1', matches: 1, lateMatches: 2, isRecomputed: false })
      expect(minute(episode!)).toEqual([0, 1])
    })

    it('are noted too where only the late matches noted before lie in between', async () => {
      await commit({ episodes: [change('opened', { startMs: T0, endMs: T0 })] })
      await answer(await ask(), ['o1', [0, 10]])
      await answer(await ask({ fromMs: T0 + 8 * MINUTE_MS }), ['o2', [9, 12]])
      const [episode, ...more] = await episodes()
      expect(more).toEqual([])
      expect(episode).toMatchObject({ id: 'e1', lateMatches: 4 })
    })

    it('neither adopt nor are adopted', async () => {
      await answer(await ask(), ['o1', [0, 1]])
      // Within the quiet period of the old news.
      const opened = { id: 'e2', startMs: T0 + 1.5 * MINUTE_MS, endMs: T0 + 1.5 * MINUTE_MS }
      await commit({ episodes: [change('opened', opened)] })
      const found = await episodes()
      expect(found.map(({ id, disposition }) => [id, disposition])).toEqual([
        ['e2', 'opened'],
        ['o1', 'old_news'],
      ])
    })

    it('widen the old news of the same stretch, and unite what lies in it', async () => {
      await answer(await ask(), ['o1', [0, 1]], ['o2', [20, 21]])
      const asked = await ask({ fromMs: T0 + 3 * MINUTE_MS, toMs: T0 + 18 * MINUTE_MS })
      expect(asked.adjoining).toEqual({ startMs: T0, endMs: T0 + 21 * MINUTE_MS })
      const counts = await answer(asked, ['o3', [0, 21], { matches: 30, lateMatches: 5 }])
      expect(counts).toMatchObject({ recorded: 0, widened: 1 })
      const found = await episodes()
      expect(found.map(({ id, disposition }) => [id, disposition])).toEqual([
        ['o2', 'merged'],
        ['o1', 'old_news'],
      ])
      expect(found[1]).toMatchObject({ matches: 30, lateMatches: 9 })
      expect(minute(found[1]!)).toEqual([0, 21])
    })

    it('merge old news into the real episode that they join it with', async () => {
      await commit({ episodes: [change('opened', { startMs: T0, endMs: T0 + MINUTE_MS })] })
      await answer(await ask(), ['o1', [20, 21]])
      await answer(await ask(), ['o2', [0, 21], { lateMatches: 7 }])
      const found = await episodes()
      expect(
        found.map(({ id, disposition, lateMatches }) => [id, disposition, lateMatches]),
      ).toEqual([
        ['o1', 'merged', 2],
        ['e1', 'opened', 9],
      ])
    })

    it('keep to their group, rule and mode', async () => {
      await commit({
        episodes: [
          change('opened', { id: 'e1', group: { region: 'us' } }),
          change('opened', { id: 'e2', ruleId: 'other' }),
        ],
      })
      const asked = await ask()
      await answer(asked, ['o1', [0, 1]])
      await answer(await ask(), ['o2', [0, 1], { mode: 'shadow' }])
      const recorded = (await episodes()).filter(({ isRecomputed }) => isRecomputed)
      expect(recorded.map(({ id }) => id).sort()).toEqual(['o1', 'o2'])
    })

    it('go with an episode that is merged into another', async () => {
      await commit({
        episodes: [
          change('opened', { id: 'e1' }),
          change('opened', {
            id: 'e2',
            startMs: T0 + 10 * MINUTE_MS,
            endMs: T0 + 10 * MINUTE_MS,
          }),
        ],
      })
      await answer(await ask(), ['o1', [9, 10]])
      await commit({ episodes: [change('merged', { id: 'e2' }, { into: 'e1' })] })
      const survivor = (await episodes()).find(({ id }) => id === 'e1')
      expect(survivor).toMatchObject({ lateMatches: 2 })
    })

    it('keep the rule set that they name', async () => {
      await store.saveRuleset('rules1', '{}', T0)
      await ask()
      no++
      await store.saveRuleset('rules2', '{}', T0)
      const later = request(no, [], {
        entries: [{ ...entry({}, no), body: { kind: 'rules', nowMs: T0, ruleset: 'rules2' } }],
      })
      await store.commit(later, tinyDecide, openKeyOf)
      const prune = async (): Promise<void> => {
        const time = { ruleset: 'rules2', partitions: [], watermarks: {} }
        await store.saveCheckpoint([], { no: no + 1, time, rules: [] })
        for (let i = 0; i < 5; i++) await store.saveCheckpoint([])
      }
      await prune()
      expect(await store.loadRuleset('rules1')).toBe('{}')
      await commit({ ids: [(await store.outstandingRecomputes(1))[0]!.id] })
      await prune()
      expect(await store.loadRuleset('rules1')).toBeUndefined()
    })
  })
}
