import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CoreStore, InvariantError, type StoredChange } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { StoredEpisode } from '../../src/http/read-model.ts'
import { change, openKeyOf, QUIET_MS, request, T0, tinyDecide } from '../store/builders.ts'
import type { CreateHarness, StoreHarness } from './store-harness.ts'

/** Adoption (I5, design §4.3): the engine may open an episode anew, the database never does. */
export function adoptionContract(name: string, create: CreateHarness): void {
  describe(`adoption on ${name}`, () => {
    let harness: StoreHarness
    let store: CoreStore
    let nextNo: number
    let seen: StoredChange[]

    beforeEach(async () => {
      harness = await create()
      store = await harness.open()
      await store.claim('first', T0)
      nextNo = 1
      seen = []
    })
    afterEach(() => harness.close())

    const commit = async (...changes: readonly EpisodeChange[]) => {
      const result = await store.commit(
        request(nextNo, changes),
        (input) => {
          seen = [...input.changes]
          return tinyDecide(input)
        },
        openKeyOf,
      )
      nextNo += 1
      return result
    }
    /** Stored episodes in order of insertion. */
    const stored = async (): Promise<StoredEpisode[]> => {
      const page = await harness.readModel.episodes({ limit: 500 })
      return page.items.toReversed()
    }
    const aliases = async () => (await harness.dump())['alias']
    const at = (startMs: number, endMs = startMs) => ({ startMs: T0 + startMs, endMs: T0 + endMs })

    it.each([
      ['at its end and the quiet period', at(QUIET_MS), true],
      ['a millisecond later', at(QUIET_MS + 1), false],
      ['at its start less the quiet period', at(-QUIET_MS), true],
      ['a millisecond earlier', at(-QUIET_MS - 1), false],
      ['within it', at(0), true],
      ['over all of it', at(-QUIET_MS * 5, QUIET_MS * 5), true],
    ])('finds the stored episode when the engine opens one %s: %j → %s', async (_, over, found) => {
      await commit(change('opened'))
      await commit(change('opened', { id: 'e2', ...over }))
      expect(await stored()).toHaveLength(found ? 1 : 2)
      expect(seen).toMatchObject([{ adopted: found, episode: { id: found ? 'e1' : 'e2' } }])
    })

    it.each([
      ['another group', { group: { region: 'us' }, groupKey: '["us"]' }],
      ['another rule', { ruleId: 'other' }],
    ])('never takes an episode of %s', async (_, over) => {
      await commit(change('opened'))
      await commit(change('opened', { id: 'e2', ...over }))
      expect(await stored()).toHaveLength(2)
    })

    it('never takes an episode of another mode: a shadow opens its own', async () => {
      await commit(change('opened'))
      await store.commit(request(2, [change('opened', { id: 'e2' })]), tinyDecide, (change) => ({
        ...openKeyOf(change),
        openKey: 'shadow key',
        mode: 'shadow',
      }))
      expect((await harness.dump())['episode']).toMatchObject([
        { mode: 'real' },
        { mode: 'shadow' },
      ])
    })

    it('widens the stored row: interval, peak, counts, severity and flags only grow', async () => {
      await commit(
        change('opened', {
          ...at(0, 50),
          matches: 20,
          firings: 5,
          peak: 24,
          value: 24,
          firstRef: 'p@1:1',
          lastRef: 'p@1:20',
          flags: ['capped'],
        }),
      )
      await commit(
        change('settled', { ...at(0, 50), matches: 20, firings: 5, peak: 24, value: 24 }),
      )
      await commit(
        change('opened', {
          id: 'e2',
          ruleRev: 'rev2',
          ...at(-10, 40),
          matches: 30,
          firings: 2,
          peak: 21,
          value: 21,
          severity: 'critical',
          openedRef: 'p@1:30',
          firstRef: 'p@1:0',
          lastRef: 'p@1:18',
          flags: ['approximate'],
        }),
      )
      expect(await stored()).toMatchObject([
        {
          id: 'e1',
          ruleRev: 'rev2',
          state: 'open',
          ...at(-10, 50),
          matches: 30,
          firings: 5,
          peak: 24,
          value: 21,
          severity: 'critical',
          openedRef: 'payments@1:0',
          firstRef: 'p@1:0',
          lastRef: 'payments@1:0',
          flags: ['approximate'],
          incidentId: 'i-e1',
        },
      ])
    })

    it('leaves a row that was never adopted exactly as the engine says', async () => {
      await commit(change('opened', { matches: 9, peak: 9, value: 9 }))
      await commit(change('changed', { matches: 7, peak: 7, value: 7, ...at(5, 6) }))
      expect(await stored()).toMatchObject([{ matches: 7, peak: 7, value: 7, ...at(5, 6) }])
    })

    it('sends later changes of the adopted id to the stored row, until it settles', async () => {
      await commit(change('opened'))
      await commit(change('cleared'), change('settled'))
      const adopted = { id: 'e2', ...at(10) }
      const opened = await commit(change('opened', adopted))
      expect(opened.aliases).toEqual(new Map([['e2', 'e1']]))
      expect(await aliases()).toMatchObject([{ id: 'e2', stored_id: 'e1' }])
      await commit(change('changed', { ...adopted, ...at(10, 90), matches: 4 }))
      expect(await stored()).toMatchObject([{ id: 'e1', state: 'open', ...at(0, 90), matches: 4 }])
      await commit(change('cleared', { ...adopted, ...at(10, 90) }))
      expect(await stored()).toMatchObject([{ state: 'cleared', ...at(0, 90) }])
      expect((await harness.readModel.incident('1'))?.incident.signal).toBe('clear')
      const settled = await commit(change('settled', { ...adopted, ...at(10, 90) }))
      expect(settled.aliases).toEqual(new Map([['e2', 'e1']]))
      expect(await aliases()).toEqual([])
      await expect(commit(change('changed', adopted))).rejects.toThrow(/e2, which is not stored/)
    })

    it('keeps the alias over a restart and a take-over', async () => {
      await commit(change('opened'))
      await commit(change('opened', { id: 'e2' }))
      store = await harness.open()
      await store.claim('second', T0)
      await commit(change('changed', { id: 'e2', matches: 8 }))
      expect(await stored()).toMatchObject([{ id: 'e1', matches: 8 }])
    })

    it('takes an episode that the engine opens again under its own id for the stored one', async () => {
      await commit(change('opened', { matches: 5 }))
      await commit(change('settled', { matches: 5 }))
      await commit(change('opened', { matches: 3 }, { cause: 'edit' }))
      expect(await stored()).toMatchObject([{ id: 'e1', state: 'open', matches: 5 }])
      expect(seen).toMatchObject([{ adopted: true }])
      expect(await aliases()).toEqual([])
    })

    it('takes the one opened first when several are in reach, and merges the others into it', async () => {
      await commit(change('opened', at(0)), change('opened', { id: 'e2', ...at(QUIET_MS * 3) }))
      await commit(change('opened', { id: 'e3', ...at(10, QUIET_MS * 3 - 10) }))
      expect(seen.map(({ change, episode }) => [change.change, episode.id, change.into])).toEqual([
        ['opened', 'e1', undefined],
        ['merged', 'e2', 'e1'],
      ])
      expect(await stored()).toMatchObject([
        { id: 'e1', state: 'open', ...at(0, QUIET_MS * 3), disposition: 'opened' },
        { id: 'e2', state: 'settled', disposition: 'merged' },
      ])
      // The engine may still know the absorbed one: what it says goes to the survivor.
      await commit(change('changed', { id: 'e2', ...at(QUIET_MS * 3, QUIET_MS * 4) }))
      expect(await stored()).toMatchObject([
        { id: 'e1', ...at(0, QUIET_MS * 4) },
        { id: 'e2', ...at(QUIET_MS * 3) },
      ])
    })

    describe('a merge by the engine', () => {
      const late = { id: 'e2', ...at(QUIET_MS * 2) }
      const merge = (over = {}) => change('merged', { ...late, ...over }, { into: 'e1' })

      it('closes the absorbed episode with the disposition merged, and widens the survivor', async () => {
        await commit(change('opened'), change('opened', late))
        await commit(merge(), change('changed', at(0, QUIET_MS * 2)))
        expect(await stored()).toMatchObject([
          { id: 'e1', state: 'open', ...at(0, QUIET_MS * 2), disposition: 'opened' },
          { id: 'e2', state: 'settled', disposition: 'merged', incidentId: 'i-e1' },
        ])
        const dump = await harness.dump()
        expect(dump['episode_disposition']!.at(-1)).toMatchObject({
          episode_id: 'e2',
          disposition: 'merged',
          cause: 'merged into the episode e1',
        })
        expect(dump['episode_disposition']).toHaveLength(3)
      })

      it('does so also when both opened in the same commit', async () => {
        await commit(change('opened'), change('opened', late), merge())
        expect(await stored()).toMatchObject([
          { id: 'e1', disposition: 'opened' },
          { id: 'e2', disposition: 'merged' },
        ])
      })

      it('never lets the absorbed one be adopted again: its survivor is', async () => {
        await commit(change('opened'), change('opened', late))
        await commit(merge())
        await commit(change('opened', { id: 'e3', ...at(QUIET_MS * 2 + 5) }))
        expect(seen).toMatchObject([{ adopted: true, episode: { id: 'e1' } }])
        await commit(change('opened', late))
        expect(seen).toMatchObject([{ adopted: true, episode: { id: 'e1' } }])
        expect(await stored()).toHaveLength(2)
      })

      it('names the stored survivor where that was adopted', async () => {
        await commit(change('opened', { id: 'e0' }))
        await commit(change('opened', { id: 'e1', ...at(5) }), change('opened', late))
        await commit(merge())
        expect(seen).toMatchObject([{ change: { into: 'e0' }, episode: { id: 'e2' } }])
      })

      it('only widens the row when both had adopted the same one', async () => {
        await commit(change('opened', { id: 'e0', ...at(0, QUIET_MS * 3) }))
        await commit(change('opened', { id: 'e1', ...at(5) }), change('opened', { ...late }))
        await commit(merge({ endMs: T0 + QUIET_MS * 4 }))
        expect(seen).toMatchObject([{ change: { change: 'changed' }, episode: { id: 'e0' } }])
        expect(await stored()).toMatchObject([
          { id: 'e0', state: 'open', disposition: 'opened', ...at(0, QUIET_MS * 4) },
        ])
        expect(await aliases()).toMatchObject([{ id: 'e1', stored_id: 'e0' }])
      })

      it('keeps what an adopted episode covered when that is absorbed', async () => {
        await commit(change('opened', { id: 'e0', ...at(QUIET_MS * 2, QUIET_MS * 4) }))
        await commit(change('opened', late), change('opened'))
        expect(await aliases()).toMatchObject([{ id: 'e2', stored_id: 'e0' }])
        await commit(merge(), change('changed', at(0, QUIET_MS * 2)))
        expect(await stored()).toMatchObject([
          { id: 'e0', disposition: 'merged' },
          { id: 'e1', state: 'open', ...at(0, QUIET_MS * 4) },
        ])
      })

      it('is refused without a survivor, or with one that is not stored', async () => {
        await commit(change('opened'))
        await expect(commit(change('merged'))).rejects.toThrow(/without naming the survivor/)
        const unknown = commit(change('merged', {}, { into: 'e9' }))
        await expect(unknown).rejects.toBeInstanceOf(InvariantError)
      })
    })

    it('gives the same episodes however often and under whatever ids a log is run again', async () => {
      const runs = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 })
      await fc.assert(
        fc.asyncProperty(
          runs,
          fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }),
          async (times, rewinds) => {
            const fresh = await create()
            const replayed = await fresh.open()
            await replayed.claim('first', T0)
            let no = 1
            const run = async (changes: readonly EpisodeChange[]) => {
              await replayed.commit(request(no++, changes), tinyDecide, openKeyOf)
            }
            const firings = times.toSorted((a, b) => a - b).map((time) => time * (QUIET_MS / 2))
            await run(episodesOf(firings, 'a'))
            for (const [i, from] of rewinds.entries()) {
              // An engine that starts in the middle opens what it sees from there on.
              await run(episodesOf(firings.slice(from % firings.length), `r${i}-`))
            }
            const page = await fresh.readModel.episodes({ limit: 500 })
            const expected = episodesOf(firings, 'a').filter((one) => one.change === 'opened')
            expect(
              page.items
                .toReversed()
                .map(({ id, startMs, endMs, state }) => [id, startMs, endMs, state]),
            ).toEqual(
              expected.map(({ episode: { id, startMs, endMs } }) => [
                id,
                startMs,
                endMs,
                'settled',
              ]),
            )
            await fresh.close()
          },
        ),
        { numRuns: 30 },
      )
    })
  })
}

/** The changes of an engine that sees these firings in order: each run opens, and settles last. */
function episodesOf(firings: readonly number[], prefix: string): EpisodeChange[] {
  const runs: number[][] = []
  for (const firing of firings) {
    const last = runs.at(-1)
    if (last !== undefined && firing - last.at(-1)! <= QUIET_MS) last.push(firing)
    else runs.push([firing])
  }
  const over = runs.map((run, i) => ({
    id: `${prefix}${i}`,
    startMs: T0 + run[0]!,
    endMs: T0 + run.at(-1)!,
    firings: run.length,
  }))
  return [...over.map((one) => change('opened', one)), ...over.map((one) => change('settled', one))]
}
