import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type {
  CheckpointNext,
  CoreStore,
  LogBody,
  SavedBucket,
  TimeBucket,
} from '../../src/model/commit.ts'
import { entry, openKeyOf, request, T0, tinyDecide } from '../store/builders.ts'
import { allOf, loaded, logged } from '../store/checkpoint-builders.ts'
import type { CreateHarness } from './store-harness.ts'

const RULESETS = ['rules0', 'rules1', 'rules2'] as const
const RULES = ['a', 'b', 'c'].map((ruleId) => ({ ruleId, stateHash: 'h' }))

/** What a core may do next; `failure` goes wrong on the way, and the step is then done (again). */
type Step = (
  | { readonly does: 'commit'; readonly kinds: readonly ('records' | 'clock')[] }
  | {
      readonly does: 'save'
      readonly buckets: readonly { rule: number; bucket: number; bytes: number }[]
      /** How far behind the end of the log the cycle began; `null`: it is not complete yet. */
      readonly began: number | null
      readonly rules: readonly (typeof RULES)[number][]
    }
) & {
  readonly ruleset: (typeof RULESETS)[number]
  readonly failure: 'none' | 'refused' | 'answer lost' | 'fenced' | 'restart'
}

const common = {
  ruleset: fc.constantFrom(...RULESETS),
  failure: fc.constantFrom<Step['failure']>('none', 'refused', 'answer lost', 'fenced', 'restart'),
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    does: fc.constant('commit' as const),
    kinds: fc.array(fc.constantFrom('records' as const, 'clock' as const), {
      minLength: 1,
      maxLength: 3,
    }),
    ...common,
  }),
  fc.record({
    does: fc.constant('save' as const),
    buckets: fc.uniqueArray(fc.record({ rule: fc.nat(2), bucket: fc.nat(2), bytes: fc.nat(2) }), {
      maxLength: 5,
      selector: ({ rule, bucket }) => `${rule} ${bucket}`,
    }),
    began: fc.option(fc.nat(4)),
    rules: fc.subarray(RULES),
    ...common,
  }),
)

/** A naive store of checkpoints: what must be there after every step. */
class Expected {
  readonly log: LogBody[] = []
  readonly pending = new Set<string>()
  checkpointNext = 0
  time: TimeBucket | undefined
  buckets = new Map<string, SavedBucket>()
  rulesets = new Set<string>()

  get nextNo(): number {
    return this.log.length + 1
  }

  commit(bodies: readonly LogBody[]): void {
    this.log.push(...bodies)
    for (const body of bodies) if (body.kind === 'records') this.pending.delete(body.ruleset)
  }

  save(buckets: readonly SavedBucket[], next: CheckpointNext | undefined): void {
    for (const each of buckets) this.buckets.set(`${each.ruleId} ${each.bucket}`, each)
    if (next !== undefined) {
      this.checkpointNext = next.no
      this.time = next.time
      const inForce = new Set(next.rules.map(({ ruleId }) => ruleId))
      for (const [name, { ruleId, blob, no }] of this.buckets) {
        if (!inForce.has(ruleId) || (blob.length === 0 && no < next.no)) this.buckets.delete(name)
      }
    }
    if (this.time === undefined) return
    const named = this.kept().map((no) => this.log[no - 1]!)
    this.rulesets = new Set(
      [...this.rulesets].filter(
        (hash) =>
          this.pending.has(hash) ||
          this.time?.ruleset === hash ||
          named.some((body) => body.kind === 'records' && body.ruleset === hash),
      ),
    )
  }

  kept(): number[] {
    return this.log.flatMap(({ kind }, i) =>
      kind !== 'records' || i + 1 >= this.checkpointNext ? [i + 1] : [],
    )
  }
}

/** Cycles with failures at any place leave what the naive store holds. */
export function checkpointFailureContract(name: string, create: CreateHarness): void {
  describe(`checkpoints with failures on ${name}`, () => {
    it('any commits and cycles leave time, buckets, log and rule sets as they must be', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
          const harness = await create()
          try {
            const expected = new Expected()
            let store = await harness.open()
            await store.claim('owner', T0)
            for (const each of steps) {
              if (each.failure === 'refused') {
                await expectRefused(store, expected)
                await expectEqual(store, expected)
              }
              if (each.does === 'commit') {
                await store.saveRuleset(each.ruleset, 'text', T0)
                expected.rulesets.add(each.ruleset)
                expected.pending.add(each.ruleset)
              }
              const work = workOf(each, expected)
              if (each.failure === 'fenced') {
                const former = store
                store = await harness.open()
                await store.claim('next', T0)
                await expect(work(former)).rejects.toThrow(/taken over/)
              }
              await work(store)
              if (each.failure === 'answer lost') await work(store)
              if (each.failure === 'restart') {
                store = await harness.open()
                expect(await store.claim('again', T0)).toMatchObject({
                  nextNo: expected.nextNo,
                  checkpointNext: expected.checkpointNext,
                })
              }
              await expectEqual(store, expected)
            }
          } finally {
            await harness.close()
          }
        }),
        { numRuns: 40 },
      )
    })
  })
}

/** Tells the naive store at once, and gives what the real one has to do: always the same. */
function workOf(step: Step, expected: Expected): (store: CoreStore) => Promise<unknown> {
  const firstNo = expected.nextNo
  if (step.does === 'commit') {
    const bodies = step.kinds.map((kind): LogBody => bodyOf(kind, step.ruleset))
    const entries = bodies.map((body, i) => ({ ...entry({}, firstNo + i), body }))
    expected.commit(bodies)
    return (store) => store.commit(request(firstNo, [], { entries }), tinyDecide, openKeyOf)
  }
  const no = firstNo - 1
  const buckets = step.buckets.map(({ rule, bucket, bytes }): SavedBucket => ({
    ...RULES[rule]!,
    bucket,
    no,
    blob: new Uint8Array(bytes).fill(no),
  }))
  const next =
    step.began === null
      ? undefined
      : {
          no: Math.max(expected.checkpointNext, firstNo - step.began),
          time: { ruleset: step.ruleset, partitions: [], watermarks: { all: no } },
          rules: step.rules,
        }
  expected.save(buckets, next)
  return (store) => store.saveCheckpoint(buckets, next)
}

function bodyOf(kind: 'records' | 'clock', ruleset: string): LogBody {
  return kind === 'clock'
    ? { kind, nowMs: T0, partitions: [] }
    : { kind, partition: 'payments@1', from: 0, to: 1, nowMs: T0, ruleset }
}

async function expectRefused(store: CoreStore, expected: Expected): Promise<void> {
  const ahead = { ...RULES[0]!, bucket: 0, no: 1_000, blob: Uint8Array.of(9) }
  const good = { ...ahead, no: Math.max(0, ...[...expected.buckets.values()].map(({ no }) => no)) }
  const next = {
    no: expected.checkpointNext,
    rules: [],
    time: { ruleset: null, partitions: [], watermarks: {} },
  }
  await expect(store.saveCheckpoint([good, ahead], next)).rejects.toThrow(/but the log ends/)
}

async function expectEqual(store: CoreStore, expected: Expected): Promise<void> {
  expect(await loaded(store)).toEqual({
    time: expected.time,
    buckets: allOf([...expected.buckets.values()]),
  })
  expect(await logged(store, 0)).toEqual(expected.kept())
  const found: string[] = []
  for (const hash of RULESETS) if ((await store.loadRuleset(hash)) !== undefined) found.push(hash)
  expect(found).toEqual(RULESETS.filter((hash) => expected.rulesets.has(hash)))
}
