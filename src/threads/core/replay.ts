import type { CommitEntry, CoreStore, LogEntry } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import { activate, correlate, passTime } from '../../pipeline.ts'
import { createEngine } from '../../rules/engine.ts'
import type { Engine } from '../../rules/engine.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import { LoadedRules, NO_RULES, parseRules } from './loaded-rules.ts'
import type { Rematch } from './rematch.ts'

/** What a process holds after it has run the kept input log again. */
export interface Replayed {
  readonly engine: Engine
  readonly rules: LoadedRules
  /** Entries run, and how many answered otherwise than they did then. */
  readonly entries: number
  readonly differences: number
}

/**
 * Runs the input log from `from` on again with effects off (design §4.1): window state is a
 * function of the log. Every answer is compared with the one stored, so a restart verifies itself.
 */
export async function replay(options: {
  readonly store: CoreStore
  readonly from: number
  readonly partitions: PartitionTracker
  readonly rematch: Rematch
  readonly engineVersion: string
  readonly report: Report
}): Promise<Replayed> {
  const { store, partitions, rematch, engineVersion, report } = options
  let rules = new LoadedRules(NO_RULES)
  const reorderOf = (input: string): number => rules.timing(input).reorderMs
  let engine = createEngine({ ruleset: rules.ruleset, reorderOf })
  let entries = 0
  let differences = 0

  for await (const entry of store.readLog(options.from)) {
    if (entry.body.kind === 'rules') {
      const content = await store.loadRuleset(entry.body.ruleset)
      if (content === undefined) throw new Error(`rule set ${entry.body.ruleset} is not stored`)
      rules = parseRules(content)
      engine = createEngine({ ruleset: rules.ruleset, reorderOf, previous: engine, no: entry.no })
    }
    const answer = runAgain(entry, { engine, rules, partitions, rematch })
    entries++
    if (answer === undefined || answer.effectsHash === entry.effectsHash) continue
    differences++
    const isBroken = entry.engineVersion === engineVersion
    const detail = { no: entry.no, kind: entry.body.kind, sameEngine: isBroken }
    report({ name: isBroken ? 'core.invariant_broken' : 'core.replay_differs', detail })
  }
  return { engine, rules, entries, differences }
}

function runAgain(
  entry: LogEntry,
  state: {
    readonly engine: Engine
    readonly rules: LoadedRules
    readonly partitions: PartitionTracker
    readonly rematch: Rematch
  },
): CommitEntry | undefined {
  const { engine, rules, partitions, rematch } = state
  const { body } = entry
  switch (body.kind) {
    case 'records': {
      const range = { from: body.from, to: body.to }
      const matches = rematch.read(body.partition, range, (input) => ({
        matcher: rules.matcher(input),
        ruleset: rules.hash,
      }))
      const slice = { partition: body.partition, from: body.from, matches }
      return correlate(engine, partitions, slice, {
        nowMs: body.nowMs,
        ruleset: body.ruleset,
        no: entry.no,
      })
    }
    case 'clock':
      return passTime(engine, partitions, body, entry.no)
    case 'rules':
      return activate(engine, partitions, body, entry.no)
    case 'list':
      return undefined
  }
}
