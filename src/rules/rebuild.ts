/**
 * Rebuilds the state of edited rules from the journal (design §4.1, I8): they run alone over what
 * was received lately, with effects off, and what comes of it is their state.
 *
 *   1. A function of rules, slices and clock entries alone; the same steps give the same bytes.
 *   2. What it answers is a value, so that a spare thread can do the work.
 *   3. At its end time stands where the running engine's time stands, so nothing is told twice.
 */
import type { LedgerDelta, LogBody } from '../model/commit.ts'
import type { Episode } from '../model/episode.ts'
import type { InputTiming } from '../model/partition.ts'
import { createEngine } from './engine.ts'
import type { BucketName, Engine, Slice } from './engine.ts'
import { PartitionTracker } from './partition-tracker.ts'
import type { CompiledRuleset, Rule } from './rule.ts'

/** State of one bucket of an edited rule; there is no entry that it holds. */
export interface RebuiltBucket extends BucketName {
  readonly blob: Uint8Array
}

/** What a running engine takes in for the rules that were rebuilt. */
export interface Rebuilt {
  readonly buckets: readonly RebuiltBucket[]
  /** See {@link Engine.watermarks}. */
  readonly watermarks: Readonly<Record<string, number>>
  /** Unsettled episodes, as they stand. */
  readonly episodes: readonly RebuiltEpisode[]
  /** How what the windows hold would be counted if it left them now. */
  readonly held: readonly LedgerDelta[]
}

export interface RebuiltEpisode {
  readonly episode: Episode
  readonly quietMs: number
}

export interface RebuildOptions {
  /** The edited rules, and no counters: their numbers are those in the matches. */
  readonly ruleset: CompiledRuleset
  readonly timing: (input: string) => InputTiming
}

/** The edited rules as a rule set of their own. */
export function editedOnly(ruleset: CompiledRuleset, ids: readonly string[]): CompiledRuleset {
  const edited = new Set(ids)
  const rules = ruleset.rules.filter(({ id }) => edited.has(id))
  return { hash: ruleset.hash, rules, counters: [] }
}

/** A rule set with the inputs that it may read. */
export interface RulesWithInputs {
  readonly ruleset: CompiledRuleset
  /** Names of the inputs that are configured. */
  readonly inputs: readonly string[]
  readonly timing: (input: string) => InputTiming
}

/**
 * Rules of `next` that `former` has too, and whose state the new text cannot use: its hash is
 * another, or the state lacks what the new text asks for (design §4.4). That is so where events
 * were refused that would be admitted now, as `late_by` or an input's `reorder` was raised; and
 * where more matches decide a firing than a group has kept, which `isTrimmed` says of a rule.
 */
export function editedRules(
  former: RulesWithInputs,
  next: RulesWithInputs,
  isTrimmed: (ruleId: string) => boolean,
): Rule[] {
  const before = new Map(former.ruleset.rules.map((rule) => [rule.id, rule]))
  const slower = next.inputs.filter(
    (input) =>
      former.inputs.includes(input) &&
      next.timing(input).reorderMs > former.timing(input).reorderMs,
  )
  return next.ruleset.rules.filter((rule) => {
    const was = before.get(rule.id)
    if (was === undefined) return false
    if (was.stateHash !== rule.stateHash || rule.lateByMs > was.lateByMs) return true
    if (slower.some((input) => rule.inputs.length === 0 || rule.inputs.includes(input))) return true
    return decisive(rule) > decisive(was) && isTrimmed(rule.id)
  })
}

/** The highest count that the rule asks for. */
function decisive({ detector, escalate }: Rule): number {
  const atLeast = detector.kind === 'threshold' ? detector.atLeast : 0
  return Math.max(atLeast, ...escalate.map((step) => step.atLeast))
}

/**
 * How far back in event time, below its watermark, a rule's state depends on what happened: what
 * it keeps is late_by + window old, whether that had fired takes a window more, and an episode
 * stays open over the default quiet period.
 */
export function reachOf({ detector, lateByMs }: Rule, reorderMs: number): number {
  const withinMs = detector.kind === 'threshold' ? detector.withinMs : 0
  return lateByMs + withinMs + Math.max(withinMs, lateByMs + reorderMs)
}

export class Rebuild {
  readonly #ruleset: CompiledRuleset
  readonly #partitions: PartitionTracker
  readonly #engine: Engine
  /** Ids of unsettled episodes that have cleared. */
  readonly #cleared = new Set<string>()
  /** Steps are counted: there is no log that numbers them. */
  #no = 0

  constructor({ ruleset, timing }: RebuildOptions) {
    this.#ruleset = ruleset
    this.#partitions = new PartitionTracker([], timing)
    const reorderOf = (input: string): number => timing(input).reorderMs
    this.#engine = createEngine({ ruleset, reorderOf })
  }

  /** Records that were received together, at `nowMs`. */
  records(slice: Slice, nowMs: number): void {
    const context = { nowMs, partitions: this.#partitions, no: ++this.#no }
    this.#engine.apply(slice, context)
    let to = slice.from
    for (const { count, maxTimeMs, receivedMs } of slice.matches) {
      to += count
      this.#partitions.observe(slice.partition, { maxTimeMs, receivedMs, to, nowMs })
    }
    this.#engine.advance(context)
    this.#forget()
  }

  clock(body: LogBody & { readonly kind: 'clock' }): void {
    this.#partitions.applyClock(body)
    const { nowMs } = body
    this.#engine.advance({ nowMs, partitions: this.#partitions, no: ++this.#no })
    this.#forget()
  }

  /**
   * Lets time pass to where `partitions` stand at `nowMs`, and answers the state. It must not be
   * used again.
   */
  finish(partitions: PartitionTracker, nowMs: number): Rebuilt {
    this.#engine.advance({ nowMs, partitions, no: ++this.#no })
    this.#forget()
    const buckets = this.#buckets()
    const watermarks = this.#engine.watermarks()
    const { episodes, ledger } = this.#close()
    return { buckets, watermarks, episodes, held: ledger }
  }

  #buckets(): RebuiltBucket[] {
    return this.#engine.stateHashes().flatMap((rule) =>
      ALL_BUCKETS.map((bucket) => {
        const name = { ...rule, bucket }
        return { ...name, blob: this.#engine.save(name) }
      }).filter(({ blob }) => blob.length > 0),
    )
  }

  /** What happened on the way was told by the rules as they were then. */
  #forget(): void {
    for (const { change, episode } of this.#engine.take().episodes) {
      if (change === 'cleared') this.#cleared.add(episode.id)
      else this.#cleared.delete(episode.id)
    }
  }

  /** Ends the rules to hear what they hold: every episode as it stands, every kept match. */
  #close(): { readonly episodes: RebuiltEpisode[]; readonly ledger: readonly LedgerDelta[] } {
    const without = { ...this.#ruleset, rules: [] }
    const engine = createEngine({ ruleset: without, reorderOf: () => 0, previous: this.#engine })
    const { episodes, ledger } = engine.take()
    const unsettled = episodes
      .filter(({ change }) => change === 'settled')
      .map(({ episode, quietMs }): RebuiltEpisode => {
        const state = this.#cleared.has(episode.id) ? 'cleared' : 'open'
        return { episode: { ...episode, state }, quietMs }
      })
    return { episodes: unsettled, ledger }
  }
}

/** Those of the groups, and the one of the rule as a whole. */
const ALL_BUCKETS = Array.from({ length: 257 }, (_, bucket) => bucket)
