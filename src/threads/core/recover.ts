import type { Claim, CoreStore, LogEntry } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import { createEngine } from '../../rules/engine.ts'
import type { Engine } from '../../rules/engine.ts'
import {
  brokenBy,
  BrokenInvariantError,
  brokenReplay,
  brokenState,
  isBrokenPromise,
  isSecondStart,
} from './broken-invariant.ts'
import type { InvariantGuard } from './invariant-guard.ts'
import { NO_RULES } from './loaded-rules.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { replay, UnreadableStateError } from './replay.ts'
import type { ReplayOptions } from './replay.ts'

export interface RecoverOptions extends Omit<ReplayOptions, 'from' | 'without'> {
  readonly claim: Claim
  readonly nowMs: number
  readonly guard: InvariantGuard
  readonly report: Report
}

/**
 * A start up to where the core can go live: runs the log again. What contradicts it, or keeps it
 * from being run, is written down and ends the process with a {@link BrokenInvariantError}; at the
 * next start it goes on all the same, with the rules concerned marked (I13), because detection that
 * may be wrong in places is better than none.
 */
export async function recover(options: RecoverOptions): Promise<Engine> {
  const { claim, nowMs, guard, report, store } = options
  const last = await lastEntry(store, claim.nextNo)
  guard.restore(claim.unverified, last)
  const isLive = isSecondStart(last)
  const at = { nowMs, no: claim.checkpointNext, isLive }
  const without = new Set<string>()
  let rules = options.loadRules(NO_RULES)
  const useRules = (used: LoadedRules): void => {
    rules = used
    options.useRules(used)
  }
  for (;;) {
    try {
      const from = claim.checkpointNext
      const { engine, broken, ...figures } = await replay({ ...options, from, without, useRules })
      report({ name: 'core.replayed', detail: figures })
      if (without.size > 0) await guard.write(brokenState([...without].sort(), at), rules.ruleset)
      if (broken !== undefined) await guard.write(brokenReplay(broken, at), rules.ruleset)
      return engine
    } catch (error) {
      if (error instanceof BrokenInvariantError || !isBrokenPromise(error)) throw error
      if (isLive && error instanceof UnreadableStateError && !without.has(error.ruleId)) {
        without.add(error.ruleId)
        continue
      }
      const body = brokenBy(error, { what: 'start', ...at })
      await guard.write(body, rules.ruleset, error)
      guard.beginsAfresh(body)
      return beginAfresh(options)
    }
  }
}

/**
 * The log cannot be run again: all rules begin with no windows, where it ends, and whatever is
 * stored of their state is written anew. Partitions are as the last commit left them.
 */
async function beginAfresh(options: RecoverOptions): Promise<Engine> {
  const { claim, partitions, store } = options
  const rules = options.loadRules(NO_RULES)
  options.useRules(rules)
  partitions.restore(claim.partitions)
  const reorderOf = (input: string): number => rules.timing(input).reorderMs
  const engine = createEngine({ ruleset: rules.ruleset, reorderOf })
  // They wait for their rules, which will find them older than their own beginning.
  for await (const bucket of (await store.loadCheckpoint()).buckets) engine.load(bucket)
  return engine
}

async function lastEntry(
  store: Pick<CoreStore, 'readLog'>,
  nextNo: number,
): Promise<LogEntry | undefined> {
  for await (const entry of store.readLog(nextNo - 1)) return entry
  return undefined
}
