import type { Claim, CommitRequest, CommitResult, CoreStore } from '../../src/model/commit.ts'
import { StoreWriteError } from '../../src/model/commit.ts'
import type { Random } from './random.ts'

export interface StoreFaults {
  /** How long a commit takes, on average, ms. */
  readonly latencyMs: number
  /** Share of commits whose answer is lost although they are in the database. */
  readonly lostReply: number
  /** Share of calls that take seconds. */
  readonly slow: number
}

/**
 * The way between a process and its database: calls take time, are slow now and then, and the
 * answer to a commit that succeeded may be lost. What the disk says no to is `TransactionFaults`.
 */
export function faultyStore(
  inner: CoreStore,
  parts: {
    readonly random: Random
    readonly sleep: (ms: number) => Promise<void>
    /** Asked at every call: faults stop at the end of a run. */
    readonly faults: () => StoreFaults
    /** Of the process: it would have answered otherwise where another version did. */
    readonly engineVersion: string
  },
): CoreStore {
  const { random, sleep, faults } = parts
  const pass = async (): Promise<void> => {
    const { latencyMs, slow } = faults()
    await sleep(random.chance(slow) ? random.between(500, 4_000) : random.delay(latencyMs))
  }
  return {
    async claim(owner, nowMs): Promise<Claim> {
      await pass()
      const claim = await inner.claim(owner, nowMs)
      await pass()
      return claim
    },
    async commit(request: CommitRequest, decide, openKeyOf): Promise<CommitResult> {
      await pass()
      const result = await inner.commit(request, decide, openKeyOf)
      await pass()
      if (random.chance(faults().lostReply)) {
        throw new StoreWriteError('the answer was lost', { errcode: 10, retryable: true })
      }
      return result
    },
    async unsettledEpisodes(ruleId) {
      await pass()
      return inner.unsettledEpisodes(ruleId)
    },
    async *readLog(from, kind) {
      await pass()
      for await (const entry of inner.readLog(from, kind)) {
        const { engineVersion } = entry
        const isOwn = engineVersion === parts.engineVersion
        yield isOwn ? entry : { ...entry, effectsHash: `as ${engineVersion} had it` }
      }
    },
    async saveCheckpoint(buckets, next) {
      await pass()
      return inner.saveCheckpoint(buckets, next)
    },
    loadCheckpoint: () => inner.loadCheckpoint(),
    async saveRuleset(...what: Parameters<CoreStore['saveRuleset']>) {
      await pass()
      await inner.saveRuleset(...what)
    },
    loadRuleset: (hash) => inner.loadRuleset(hash),
    async outstandingRecomputes(limit) {
      await pass()
      return inner.outstandingRecomputes(limit)
    },
    close: () => inner.close(),
  }
}
