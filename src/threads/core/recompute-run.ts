/**
 * Reads back from the journal what late matches make (design §4.2): one pass over all records that
 * were received since the earliest moment that any of some outstanding recomputes reaches back to,
 * for all their rules and groups together.
 */
import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalPartition, JournalReader } from '../../ingest/journal/journal.ts'
import type { OutstandingRecompute, RecomputeAnswer } from '../../model/commit.ts'
import type { Matches } from '../../model/matches.ts'
import type { PartitionState } from '../../model/partition.ts'
import {
  epochOfPartition,
  inputOfPartition,
  logOfPartition,
  stemOfPartition,
} from '../../model/slab.ts'
import { MatchStep } from '../../pipeline.ts'
import { createIndexedMatcher } from '../../rules/matching/indexed-matcher.ts'
import { editedOnly } from '../../rules/rebuild.ts'
import { Recompute } from '../../rules/recompute.ts'
import type { CompiledRuleset } from '../../rules/rule.ts'
import { LateTargets } from './late-targets.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { scanBatch, slabOf } from './rematch.ts'

/** An event's own time is believed up to so far ahead of its receipt (design §4.2). */
const AHEAD_MS = 300_000
/** Batches between two pauses, so that messages are not held up where a thread is shared. */
const BATCHES_PER_TURN = 16

export interface RecomputeSources {
  readonly journal: JournalReader
  readonly event: GelfEvent
  /** Lets others in between; by default nobody. */
  readonly yieldTo?: () => Promise<void>
}

/** What is asked of one pass; plain data. */
export interface RecomputeTask {
  readonly outstanding: readonly OutstandingRecompute[]
  /** Partitions as far as they were evaluated; one that is not named is read to its end. */
  readonly evaluated: readonly Evaluated[]
}

export type Evaluated = Pick<PartitionState, 'id' | 'next' | 'lastReceivedMs'>

export interface RecomputeOutcome {
  readonly answer: RecomputeAnswer
  readonly records: number
  /** What was received before was asked for, and is no longer in the journal; ms UTC. */
  readonly missingBeforeMs: number | null
  /** A group had more matches than there is room for. */
  readonly isCut: boolean
}

/** All of `outstanding` must name the rule set that `rules` is. */
export async function runRecompute(
  sources: RecomputeSources,
  rules: LoadedRules,
  { outstanding, evaluated }: RecomputeTask,
): Promise<RecomputeOutcome> {
  const targets = new LateTargets(outstanding, rules)
  const ruleset = editedOnly(rules.ruleset, targets.ruleIds)
  const recompute = new Recompute(targets.all.map(({ rule }) => rule))
  const sinceMs = Math.min(...targets.all.map(({ fromMs }) => fromMs)) - AHEAD_MS
  const pass = new JournalPass(sources, rules, ruleset)
  pass.lookForGone(evaluated, sinceMs)
  const nextOf = new Map(evaluated.map(({ id, next }) => [id, next]))
  for (const partition of pass.partitions.filter((id) => isRead(ruleset, id))) {
    // What has retired is forgotten and was read to its end; what is new lies behind what is late.
    // Of a forgotten log it is not known what the next writer read again.
    const isLog = logOfPartition(partition) !== undefined
    const next = nextOf.get(partition) ?? (isLog ? 0 : Infinity)
    targets.beginPartition(partition)
    await pass.read(partition, { sinceMs, next }, ({ rows, receivedMs, maxTimeMs }, first) => {
      targets.beginBatch(receivedMs)
      for (let i = 0; i < rows.length; i++) {
        const position = first + rows.ordinal[i]!
        if (position >= next) break
        const row = targets.row(ruleset.rules[rows.rule[i]!]!, rows, i, position)
        if (row !== undefined) recompute.add(row)
      }
      targets.endBatch(maxTimeMs)
    })
  }
  const { records, missingBeforeMs } = pass
  const { isCut } = recompute
  const cause = causeOf(missingBeforeMs, isCut)
  const episodes = recompute.finish().flatMap(({ target, episode, lateMatches }) => {
    const { ids, rule, isRecorded, wholeFromMs } = targets.all[target]!
    // Nothing late in it, and not to be compared with what was recorded: that may have seen more.
    if (lateMatches === 0 && (!isRecorded || episode.startMs < wholeFromMs)) return []
    const mode = rule.mode === 'shadow' ? ('shadow' as const) : ('real' as const)
    return [{ ids, episode, mode, ruleset: rules.hash, lateMatches, cause }]
  })
  const answered = targets.all.filter((_, target) => !recompute.isPutOff(target))
  // Of a rule that its rule set does not have there is nothing to say.
  const ids = [...answered.flatMap((one) => one.ids), ...targets.unknown]
  return { answer: { ids, episodes }, records, missingBeforeMs, isCut }
}

function isRead({ rules }: CompiledRuleset, partition: string): boolean {
  const input = inputOfPartition(partition)
  return rules.some(({ inputs }) => inputs.length === 0 || inputs.includes(input))
}

function causeOf(missingBeforeMs: number | null, isCut: boolean): string {
  const late = 'its events came too late to be admitted, and were read back from the journal'
  const missing =
    missingBeforeMs === null
      ? ''
      : `, which no longer held what was received before ${new Date(missingBeforeMs).toISOString()}`
  return `${late}${missing}${isCut ? '; there were more of them than could be held' : ''}`
}

/** The partitions of one pass, read one after the other. */
class JournalPass {
  readonly #sources: RecomputeSources
  readonly #rules: LoadedRules
  readonly #ruleset: CompiledRuleset
  readonly #held: readonly JournalPartition[]
  readonly #kept: ReadonlyMap<string, number>
  #turns = 0
  #records = 0
  #missingBeforeMs: number | null = null

  constructor(sources: RecomputeSources, rules: LoadedRules, ruleset: CompiledRuleset) {
    this.#sources = sources
    this.#rules = rules
    this.#ruleset = ruleset
    this.#held = sources.journal.partitions()
    this.#kept = new Map(this.#held.map(({ partition, first }) => [partition, first]))
  }

  get records(): number {
    return this.#records
  }

  get missingBeforeMs(): number | null {
    return this.#missingBeforeMs
  }

  get partitions(): string[] {
    return [...this.#kept.keys()].sort()
  }

  /** Partitions of which nothing can be read, though something of them was asked for. */
  lookForGone(evaluated: readonly Evaluated[], sinceMs: number): void {
    const known = new Set(evaluated.map(({ id }) => id))
    const isForgotten = (partition: string): boolean =>
      evaluated.some(
        ({ id }) =>
          stemOfPartition(id) === stemOfPartition(partition) &&
          epochOfPartition(id) > epochOfPartition(partition),
      )
    for (const { partition, maxReceivedMs } of this.#held) {
      if (logOfPartition(partition) === undefined || known.has(partition)) continue
      if (!isForgotten(partition)) continue
      if (isRead(this.#ruleset, partition) && maxReceivedMs >= sinceMs) this.#misses(maxReceivedMs)
    }
    for (const { id, next, lastReceivedMs } of evaluated) {
      const isGone = next > 0 && !this.#kept.has(id) && isRead(this.#ruleset, id)
      if (isGone && lastReceivedMs >= sinceMs) this.#misses(lastReceivedMs)
    }
  }

  async read(
    partition: string,
    { sinceMs, next }: { readonly sinceMs: number; readonly next: number },
    onBatch: (matches: Matches, first: number) => void,
  ): Promise<void> {
    const { journal, event, yieldTo } = this.#sources
    const kept = this.#kept.get(partition)
    const input = inputOfPartition(partition)
    const matcher = createIndexedMatcher(this.#ruleset, input, this.#rules.source.fields)
    const step = new MatchStep(matcher, this.#ruleset.hash)
    for (const batch of journal.readSince(partition, sinceMs)) {
      if (batch.first >= next) break
      // The oldest that is kept was asked for, and there was something before it.
      if (batch.first > 0 && batch.first === kept) this.#misses(batch.receivedMs)
      const maxTimeMs = scanBatch(batch, event, (ordinal, maxSoFarMs) =>
        step.record(event, ordinal, maxSoFarMs),
      )
      onBatch(step.seal(slabOf(batch), maxTimeMs), batch.first)
      this.#records += batch.count
      if (++this.#turns % BATCHES_PER_TURN === 0) await yieldTo?.()
    }
  }

  #misses(beforeMs: number): void {
    this.#missingBeforeMs = Math.max(this.#missingBeforeMs ?? beforeMs, beforeMs)
  }
}
