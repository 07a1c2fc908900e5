import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type CheckpointNext,
  type CommitEntry,
  type CoreStore,
  FencedError,
  InvariantError,
  type LogBody,
} from '../../src/model/commit.ts'
import { change, entry, openKeyOf, partition, request, T0, tinyDecide } from '../store/builders.ts'
import { allOf, bucket, cycle, loaded, logged } from '../store/checkpoint-builders.ts'
import type { CreateHarness, StoreHarness } from './store-harness.ts'

/** Slices that one call removes at most, and other entries. */
const PRUNE_MAX = 10_000
const PRUNE_OTHERS_MAX = 500

/** What every database must promise about checkpoint cycles (design §4.1). */
export function checkpointContract(name: string, create: CreateHarness): void {
  describe(`checkpoints on ${name}`, () => {
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

    const commit = async (entries: readonly CommitEntry[]) => {
      await store.commit(request(nextNo, [], { entries }), tinyDecide, openKeyOf)
      nextNo += entries.length
    }
    /** Entries of these kinds, each naming a rule set where its kind does. */
    const commitBodies = (...bodies: readonly LogBody[]) =>
      commit(bodies.map((body, i) => ({ ...entry({}, nextNo + i), body })))

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

    describe('a cycle', () => {
      it('is nothing before the first: no time, no bucket', async () => {
        expect(await loaded(store)).toEqual({ time: undefined, buckets: [] })
      })

      it('gives back every bucket byte by byte, also an empty one', async () => {
        await commit([entry()])
        const every = Array.from({ length: 256 }, (_, byte) => byte)
        const saved = [
          bucket({ bucket: 256, blob: Uint8Array.from(every) }),
          bucket({ bucket: 0, blob: new Uint8Array() }),
          bucket({ ruleId: 'ü "q" \\ \n', stateHash: 'other', blob: new Uint8Array(300_000) }),
        ]
        await store.saveCheckpoint(saved)
        expect(allOf((await loaded(store)).buckets)).toEqual(allOf(saved))
      })

      it('gives back more buckets than are read at a time, each once', async () => {
        await commit([entry()])
        const saved = [0, 1, 2].flatMap((rule) =>
          Array.from({ length: 257 }, (_, i) => bucket({ ruleId: `rule${rule}`, bucket: i })),
        )
        await store.saveCheckpoint(saved)
        expect(allOf((await loaded(store)).buckets)).toEqual(allOf(saved))
      })

      it('has its buckets at once, but neither time nor place before it is complete', async () => {
        await commit([entry(), entry({}, 1)])
        await store.saveCheckpoint([bucket({ bucket: 1 })])
        await store.saveCheckpoint([bucket({ bucket: 2, no: 2 })])
        const { time, buckets } = await loaded(store)
        expect(time).toBeUndefined()
        expect(buckets.map(({ bucket, no }) => [bucket, no])).toEqual([
          [1, 1],
          [2, 2],
        ])
        const after = await harness.open()
        expect(await after.claim('second', T0)).toMatchObject({ checkpointNext: 0, nextNo: 3 })
      })

      it('is complete with its time bucket and the entry at which it began', async () => {
        await commit([entry(), entry({}, 1), entry({}, 2)])
        await store.saveCheckpoint([bucket({ bucket: 1 })])
        const next = cycle({
          no: 2,
          time: {
            ruleset: 'rules1',
            partitions: [partition({ next: 1, maxTimeMs: -5, link: 'down' })],
            watermarks: { 'payments|event': T0, 'every input|received': -1 },
          },
        })
        await store.saveCheckpoint([bucket({ bucket: 2, no: 3 })], next)
        const { time, buckets } = await loaded(store)
        expect(time).toEqual(next.time)
        expect(buckets).toHaveLength(2)
        const after = await harness.open()
        expect(await after.claim('second', T0)).toMatchObject({ checkpointNext: 2, nextNo: 4 })
        expect(await logged(after, 2)).toEqual([2, 3])
      })

      it('replaces buckets and time of the one before', async () => {
        await commit([entry(), entry({}, 1)])
        await store.saveCheckpoint([bucket({ no: 1, blob: Uint8Array.of(1) })], cycle({ no: 1 }))
        const later = { ...cycle({}).time, ruleset: 'rules2' }
        await store.saveCheckpoint(
          [bucket({ no: 2, blob: Uint8Array.of(2) })],
          cycle({ no: 3, time: later }),
        )
        expect(await loaded(store)).toEqual({
          time: later,
          buckets: [bucket({ no: 2, blob: Uint8Array.of(2) })],
        })
      })

      it('may be said again, since its answer may have been lost', async () => {
        await commit([entry(), entry({}, 1)])
        const next = cycle({ no: 2 })
        await store.saveCheckpoint([bucket({ no: 2 })], next)
        const once = await harness.dump()
        await store.saveCheckpoint([bucket({ no: 2 })], next)
        expect(await harness.dump()).toEqual(once)
      })

      it('that was broken off leaves the one before usable, with newer buckets among the old', async () => {
        await commit([entry(), entry({}, 1)])
        const old = cycle({ no: 3 })
        await store.saveCheckpoint(
          [bucket({ bucket: 1, no: 2 }), bucket({ bucket: 2, no: 2 })],
          old,
        )
        await commit([entry({}, 2), entry({}, 3)])
        await store.saveCheckpoint([bucket({ bucket: 1, no: 4 }), bucket({ bucket: 3, no: 4 })])
        const after = await harness.open()
        expect(await after.claim('second', T0)).toMatchObject({ checkpointNext: 3, nextNo: 5 })
        const { time, buckets } = await loaded(after)
        expect(time).toEqual(old.time)
        expect(buckets.map(({ bucket, no }) => [bucket, no])).toEqual([
          [1, 4],
          [2, 2],
          [3, 4],
        ])
        expect(await logged(after, 3)).toEqual([3, 4])
      })
    })

    describe('refuses, and writes nothing of the call,', () => {
      beforeEach(async () => {
        await commit([entry(), entry({}, 1), entry({}, 2)])
        await store.saveCheckpoint([bucket({ no: 2 })], cycle({ no: 2 }))
      })
      /** A good bucket before the bad one. */
      const good = bucket({ bucket: 9, no: 3 })

      it('before the shard was claimed', async () => {
        const unclaimed = await harness.open()
        for (const work of [
          () => unclaimed.saveCheckpoint([good]),
          () => unclaimed.saveRuleset('rules1', 'content', T0),
        ]) {
          await expectRefused(work, InvariantError, /claimed before/)
        }
      })

      it('from the moment another has claimed the shard', async () => {
        const second = await harness.open()
        await second.claim('second', T0)
        for (const work of [
          () => store.saveCheckpoint([]),
          () => store.saveCheckpoint([good]),
          () => store.saveCheckpoint([good], cycle({ no: 3 })),
          () => store.saveRuleset('rules1', 'content', T0),
        ]) {
          await expectRefused(work, FencedError, /taken over by second \(epoch 2, ours is 1\)/)
        }
        await second.saveCheckpoint([good], cycle({ no: 3 }))
      })

      it('a bucket older than the stored one', async () => {
        await expectRefused(
          () => store.saveCheckpoint([good, bucket({ no: 1 })]),
          InvariantError,
          /bucket 0 of the rule r is stored as it was after a later entry than 1/,
        )
      })

      it('a bucket that is ahead of the log', async () => {
        await expectRefused(
          () => store.saveCheckpoint([good, bucket({ no: 4 })]),
          InvariantError,
          /after entry 4, but the log ends before 4/,
        )
      })

      it.each([
        { no: 1, why: 'below the one before' },
        { no: 5, why: 'beyond the log' },
      ])('a cycle that began $why', async ({ no }) => {
        await expectRefused(
          () => store.saveCheckpoint([good], cycle({ no })),
          InvariantError,
          new RegExp(`cannot begin at entry ${no}: .* began at 2, and the next entry is 4`),
        )
      })

      it('a watermark that no database could give back', async () => {
        const time = { ruleset: null, partitions: [], watermarks: { all: -Infinity } }
        await expectRefused(
          () => store.saveCheckpoint([good], cycle({ no: 3, time })),
          InvariantError,
          /not a number/,
        )
      })
    })

    describe('when it is complete', () => {
      const buckets = async () =>
        (await loaded(store)).buckets.map(
          (each) => `${each.ruleId} ${each.stateHash} ${each.bucket}`,
        )

      it('drops state of rules that are gone or were changed, and of no other', async () => {
        await commit([entry()])
        const rules = ['a', 'aa', 'b'].flatMap((ruleId) =>
          ['h1', 'h2'].flatMap((stateHash) =>
            [0, 256].map((at) => bucket({ ruleId, stateHash, bucket: at })),
          ),
        )
        await store.saveCheckpoint(rules)
        const kept = [
          { ruleId: 'a', stateHash: 'h2' },
          { ruleId: 'aa', stateHash: 'h1' },
          { ruleId: 'aa', stateHash: 'h2' },
          { ruleId: 'never saved', stateHash: 'h1' },
        ]
        const late = bucket({ ruleId: 'b', stateHash: 'h3' })
        await store.saveCheckpoint([late], cycle({ no: 2, rules: kept }))
        expect(await buckets()).toEqual(
          ['a h2', 'aa h1', 'aa h2'].flatMap((pair) => [`${pair} 0`, `${pair} 256`]),
        )
      })

      it('drops empty buckets that a replay from there would not skip with', async () => {
        await commit([entry(), entry({}, 1), entry({}, 2)])
        const empty = [1, 2, 3].map((no) => bucket({ bucket: no, no, blob: new Uint8Array() }))
        await store.saveCheckpoint([...empty, bucket({ bucket: 0, no: 1 })])
        expect(await buckets()).toHaveLength(4)
        await store.saveCheckpoint([], cycle({ no: 2 }))
        expect(await buckets()).toEqual(['r h 0', 'r h 2', 'r h 3'])
        await store.saveCheckpoint([], cycle({ no: 4 }))
        expect(await buckets()).toEqual(['r h 0'])
      })

      it('drops the slices below it from the log and keeps every other kind', async () => {
        await commitBodies(
          { kind: 'rules', nowMs: T0, ruleset: 'rules1' },
          records('rules1'),
          { kind: 'clock', nowMs: T0, partitions: [] },
          records('rules1'),
          { kind: 'list', nowMs: T0, name: 'hosts', version: 'v1' },
          records('rules1'),
        )
        await store.saveCheckpoint([], cycle({ no: 6 }))
        expect(await logged(store, 0)).toEqual([1, 3, 5, 6])
        await store.saveCheckpoint([], cycle({ no: 7 }))
        expect(await logged(store, 0)).toEqual([1, 3, 5])
        await commit([entry({}, 7)])
        expect(await logged(store, 0)).toEqual([1, 3, 5, 7])
      })

      it('leaves the answer to the latest commit to be asked for again', async () => {
        const asked = request(1, [], { entries: [entry(), entry({}, 1)] })
        const answer = await store.commit(asked, tinyDecide, openKeyOf)
        await store.saveCheckpoint([], cycle({ no: 1 }))
        expect(await store.commit(asked, tinyDecide, openKeyOf)).toEqual(answer)
      })

      it('drops a long log in parts, each call the next one, also when it completes nothing', async () => {
        const size = 2_500
        const count = 2 * PRUNE_MAX + size
        for (let done = 0; done < count; done += size) {
          await commit(Array.from({ length: size }, (_, i) => entry({}, done + i)))
        }
        const kept = async () => (await logged(store, 0)).length
        expect(await store.saveCheckpoint([], cycle({ no: nextNo }))).toBe(true)
        const left = await kept()
        expect(left).toBeGreaterThanOrEqual(count - PRUNE_MAX)
        expect(left).toBeLessThan(count)
        expect(await store.saveCheckpoint([], cycle({ no: nextNo }))).toBe(true)
        expect(await kept()).toBeLessThan(left)
        // Another owner goes on where the first one stopped.
        store = await harness.open()
        await store.claim('second', T0)
        expect(await store.saveCheckpoint([bucket({ no: 1 })])).toBe(false)
        expect(await kept()).toBe(0)
      })

      describe('with what the journal has', () => {
        const clock = (nowMs: number, ...ids: readonly string[]): LogBody => ({
          kind: 'clock',
          nowMs,
          partitions: ids.map((id) => ({ id, link: 'up', progress: 'idle' })),
        })
        const said = async (body: LogBody) =>
          commit([
            {
              ...entry({}, nextNo),
              body,
              partitions:
                body.kind === 'clock' ? body.partitions.map((each) => partition(each)) : [],
            },
          ])
        const complete = (
          sinceMs: number,
          { partitions = [] as string[], no = nextNo, kept = [partition()] } = {},
        ) =>
          store.saveCheckpoint(
            [],
            cycle({
              no,
              time: { ruleset: null, partitions: kept, watermarks: {} },
              journal: { sinceMs, partitions },
            }),
          )

        it('drops entries of every kind that are older, and none from there on', async () => {
          await said({ kind: 'rules', nowMs: T0, ruleset: 'rules1' })
          await said(clock(T0 + 1))
          await said({ kind: 'list', nowMs: T0 + 2, name: 'hosts', version: 'v1' })
          await said(clock(T0 + 3))
          await said(clock(T0 + 4))
          await complete(T0 + 3, { no: 2 })
          expect(await logged(store, 0)).toEqual([2, 3, 4, 5])
          await complete(T0 + 3)
          expect(await logged(store, 0)).toEqual([4, 5])
          await store.saveCheckpoint([], cycle({ no: nextNo }))
          expect(await logged(store, 0)).toEqual([4, 5])
        })

        it('keeps the latest entry that tells the state of each partition', async () => {
          await said(clock(T0, 'payments@1', 'audit@1'))
          await said(clock(T0 + 1, 'payments@1'))
          await said(clock(T0 + 2))
          await complete(T0 + 9)
          expect(await logged(store, 0)).toEqual([1, 2])
          await said(clock(T0 + 3, 'audit@1'))
          await complete(T0 + 9)
          expect(await logged(store, 0)).toEqual([2, 4])
        })

        it('drops them in parts, and says until when there is more', async () => {
          const count = 2 * PRUNE_OTHERS_MAX + 1
          const ticks = Array.from({ length: count }, (_, i) => entry({}, i))
          await commit(ticks.map((each) => ({ ...each, body: clock(T0), partitions: [] })))
          expect(await complete(T0 + 1)).toBe(true)
          expect(await logged(store, 0)).toHaveLength(count - PRUNE_OTHERS_MAX)
          expect(await store.saveCheckpoint([])).toBe(true)
          expect(await store.saveCheckpoint([])).toBe(false)
          expect(await logged(store, 0)).toEqual([])
        })

        it('forgets retired partitions that neither it nor the time bucket has', async () => {
          const body = clock(T0)
          const states = [
            partition({ id: 'payments@1', progress: 'retired' }),
            partition({ id: 'payments@2', progress: 'retired' }),
            partition({ id: 'payments@3', progress: 'retired' }),
            partition({ id: 'payments@4', progress: 'idle' }),
          ]
          await commit([{ ...entry(), body, partitions: states }])
          await complete(T0, { partitions: ['payments@2'], kept: [states[2]!] })
          const after = await harness.open()
          const { partitions } = await after.claim('second', T0)
          expect(partitions.map(({ id }) => id)).toEqual(['payments@2', 'payments@3', 'payments@4'])
        })
      })
    })

    describe('rule sets', () => {
      const save = (hash: string) => store.saveRuleset(hash, `content of ${hash}`, T0)
      const kept = async () => {
        const found: string[] = []
        for (const hash of ['rules1', 'rules2', 'rules3']) {
          if ((await store.loadRuleset(hash)) !== undefined) found.push(hash)
        }
        return found
      }
      const inForce = (ruleset: string | null, no = nextNo): CheckpointNext =>
        cycle({ no, time: { ruleset, partitions: [], watermarks: {} } })

      it('go when no kept entry and not the time bucket names them', async () => {
        await save('rules1')
        await save('rules2')
        await commitBodies(records('rules1'), records('rules2'))
        await store.saveCheckpoint([], inForce('rules1', 2))
        expect(await kept()).toEqual(['rules1', 'rules2'])
        await store.saveCheckpoint([], inForce('rules2', 2))
        expect(await kept()).toEqual(['rules2'])
        await store.saveCheckpoint([], inForce('rules2'))
        expect(await kept()).toEqual(['rules2'])
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual([])
      })

      it('stay as long as the entry of their activation does', async () => {
        await save('rules1')
        await commitBodies({ kind: 'rules', nowMs: T0, ruleset: 'rules1' }, records('rules1'))
        await commitBodies(records('rules1'))
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual(['rules1'])
      })

      it('stay as long as an episode names them, whatever became of the entries', async () => {
        await save('rules1')
        const opened = entry({ episodes: [change('opened')] })
        await commit([{ ...opened, body: records('rules1') }])
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual(['rules1'])
      })

      it('stay from their saving until an entry names them, also the second time', async () => {
        await save('rules3')
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual(['rules3'])
        await commitBodies(records('rules3'), records('rules2'))
        await save('rules3')
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual(['rules3'])
        await commitBodies(records('rules3'))
        await store.saveCheckpoint([], inForce(null))
        expect(await kept()).toEqual([])
      })
    })
  })
}

function records(ruleset: string): LogBody {
  return { kind: 'records', partition: 'payments@1', from: 0, to: 1, nowMs: T0, ruleset }
}
