import type { CommitEntry, CoreStore, LogEntry, SavedBucket } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import { activate, correlate, passTime } from '../../pipeline.ts'
import { createEngine } from '../../rules/engine.ts'
import type { Engine } from '../../rules/engine.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import { NO_RULES, parseRules } from './loaded-rules.ts'
import type { LoadedRules, LoadRules } from './loaded-rules.ts'
import type { Rebuilder } from './rebuilder.ts'
import { leaveOut } from './broken-work.ts'
import type { Rematch } from './rematch.ts'
import { Verification } from './verification.ts'
import type { Differences } from './verification.ts'

/** What a process holds after it has taken the checkpoint and run the kept input log again. */
export interface Replayed {
  readonly engine: Engine
  /** Buckets loaded, entries run, and how many answered otherwise than they did then. */
  readonly buckets: number
  readonly entries: number
  readonly differences: number
  /** Under the same engine, and nobody has gone live over it yet: a broken promise (I13). */
  readonly broken: Differences | undefined
}

/** Saved windows of a rule are not what was written. */
export class UnreadableStateError extends Error {
  override readonly name = 'UnreadableStateError'
  readonly ruleId: string

  constructor({ ruleId, bucket }: SavedBucket, cause: unknown) {
    super(`bucket ${bucket} of the rule ${ruleId}: ${(cause as Error).message}`, { cause })
    this.ruleId = ruleId
  }
}

export interface ReplayOptions {
  readonly store: CoreStore
  /** `checkpoint_next`: the first entry to run again. */
  readonly from: number
  /** Filled with the checkpoint's partitions, then moved by the entries. */
  readonly partitions: PartitionTracker
  readonly rematch: Rematch
  readonly rebuilder: Rebuilder
  readonly loadRules: LoadRules
  readonly engineVersion: string
  /** Rules whose saved windows are left aside and written anew. */
  readonly without?: ReadonlySet<string>
  readonly report: Report
  /** Told which rules are in force from here on: partitions take their timing from them. */
  readonly useRules: (rules: LoadedRules) => void
}

/**
 * Start-up and take-over (design §4.1): loads time bucket and buckets, then runs the entries from
 * `checkpoint_next` again with effects off; a bucket skips what its stamp already holds. Answers
 * of entries above every stamp are compared with those stored, so a restart verifies itself.
 */
export async function replay(options: ReplayOptions): Promise<Replayed> {
  const { store, partitions, rematch, loadRules, report, useRules } = options
  const { time, buckets } = await store.loadCheckpoint()
  const first = time?.ruleset ?? null
  let rules = first === null ? loadRules(NO_RULES) : await load(options, first)
  useRules(rules)
  if (time !== undefined) partitions.restore(time.partitions)
  const reorderOf = (input: string): number => rules.timing(input).reorderMs
  const watermarks = time?.watermarks ?? {}
  let engine = createEngine({ ruleset: rules.ruleset, reorderOf, watermarks })
  let loaded = 0
  let lastStamp = 0
  for await (const bucket of buckets) {
    if (options.without?.has(bucket.ruleId) === true) engine.disown(bucket)
    else loadBucket(engine, bucket)
    loaded++
    lastStamp = Math.max(lastStamp, bucket.no)
  }

  let entries = 0
  const verification = new Verification(options.engineVersion)
  for await (const entry of store.readLog(options.from)) {
    if (entry.body.kind === 'rules') {
      const { ruleset } = entry.body
      // Every start activates the set that was in force; compiling it again would change nothing.
      if (ruleset !== rules.hash) rules = await load(options, ruleset)
      useRules(rules)
      const { rebuilt: plan } = entry.body
      const at = { engine, rules, nowMs: entry.body.nowMs, no: entry.no }
      const rebuilt = plan && (await options.rebuilder.again(plan, at))
      const replaced = { previous: engine, no: entry.no, ...(rebuilt && { rebuilt }) }
      const warming = plan?.warming ?? []
      engine = createEngine({ ruleset: rules.ruleset, reorderOf, ...replaced, warming })
    }
    const answer = runAgain(entry, { engine, rules, partitions, rematch })
    entries++
    if (answer !== undefined && entry.no > lastStamp) verification.compare(entry, answer)
    if (entry.body.kind === 'broken' && entry.body.isLive) verification.accepted()
  }
  verification.report(report)
  const { count: differences, broken } = verification
  return { engine, buckets: loaded, entries, differences, broken }
}

function loadBucket(engine: Engine, bucket: SavedBucket): void {
  try {
    engine.load(bucket)
  } catch (error) {
    throw new UnreadableStateError(bucket, error)
  }
}

async function load({ store, loadRules }: ReplayOptions, hash: string): Promise<LoadedRules> {
  const content = await store.loadRuleset(hash)
  if (content === undefined) throw new Error(`rule set ${hash} is not stored`)
  return parseRules(content, loadRules)
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
  const { body, no } = entry
  switch (body.kind) {
    case 'records': {
      const { partition, from, to, nowMs, ruleset } = body
      if (body.isLeftOut === true) {
        const hole = { partition, from, count: to - from, ruleset }
        return leaveOut(engine, partitions, hole, { nowMs, no })
      }
      const matches = rematch.read(partition, { from, to }, (input) => ({
        matcher: rules.matcher(input),
        ruleset: rules.hash,
      }))
      return correlate(engine, partitions, { partition, from, matches }, { nowMs, ruleset, no })
    }
    case 'clock':
      return passTime(engine, partitions, body, no)
    case 'rules':
      return activate(engine, partitions, body, no)
    case 'list':
    case 'broken':
    case 'confirmed':
      return undefined
  }
}
