import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalBatch, JournalReader } from '../../ingest/journal/journal.ts'
import type { RebuildPass } from '../../model/commit.ts'
import type { PartitionState } from '../../model/partition.ts'
import { inputOfPartition } from '../../model/slab.ts'
import { MatchStep } from '../../pipeline.ts'
import { PartitionTracker } from '../../rules/partition-tracker.ts'
import { createIndexedMatcher } from '../../rules/matching/indexed-matcher.ts'
import { editedOnly, Rebuild } from '../../rules/rebuild.ts'
import type { Rebuilt } from '../../rules/rebuild.ts'
import type { CompiledRuleset } from '../../rules/rule.ts'
import { inOrderOfArrival, withClock } from '../journal-steps.ts'
import type { ClockBody } from '../journal-steps.ts'
import type { LoadedRules } from '../core/loaded-rules.ts'
import { scanBatch, slabOf } from '../core/rematch.ts'

/** Batches between two looks at what has arrived meanwhile: that the rebuild is not wanted any more. */
const BATCHES_PER_TURN = 16

export interface RebuildSources {
  readonly journal: JournalReader
  /** The input log's clock entries with numbers from … to (exclusive). */
  readonly clockEntries: (
    from: number,
    to: number,
  ) => Iterable<ClockBody> | AsyncIterable<ClockBody>
  readonly event: GelfEvent
  /** Lets others in between. */
  readonly yieldTo: () => Promise<void>
}

/** The edited rules of a plan while they run over the journal (design §4.1). */
export class RebuildRun {
  readonly #rebuild: Rebuild
  readonly #sources: RebuildSources
  readonly #rules: LoadedRules
  readonly #ruleset: CompiledRuleset
  readonly #steps = new Map<string, MatchStep>()
  #nowMs = -Infinity
  /** Clock entries below this number have been run. */
  #clockTo = 0
  #records = 0
  #missing = 0

  constructor(sources: RebuildSources, rules: LoadedRules, edited: readonly string[]) {
    this.#sources = sources
    this.#rules = rules
    this.#ruleset = editedOnly(rules.ruleset, edited)
    const timing = (input: string): ReturnType<LoadedRules['timing']> => rules.timing(input)
    this.#rebuild = new Rebuild({ ruleset: this.#ruleset, timing })
  }

  /** Records that were run, and those of the ranges that the journal no longer holds. */
  get counts(): { readonly records: number; readonly missing: number } {
    return { records: this.#records, missing: this.#missing }
  }

  /** Goes on by one pass; ends early, and for good, when `isWanted` says no. */
  async pass({ ranges, clockBelow }: RebuildPass, isWanted: () => boolean): Promise<void> {
    const { journal, yieldTo } = this.#sources
    const clock = await this.#clockEntries(clockBelow)
    const asked = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    const before = this.#records
    const batches = inOrderOfArrival(
      ranges.map(({ partition, from, to }) => journal.read(partition, from, to)),
    )
    let turns = 0
    for (const step of withClock(batches, clock, Infinity)) {
      if (step.kind === 'batch') this.#batch(step.batch)
      else this.#clock(step.body)
      if (++turns % BATCHES_PER_TURN !== 0) continue
      await yieldTo()
      if (!isWanted()) return
    }
    this.#missing += asked - (this.#records - before)
  }

  /** The state where time stands as in `partitions` at `nowMs`; nothing may follow it. */
  finish(partitions: readonly PartitionState[], nowMs: number): Rebuilt {
    const timing = (input: string): ReturnType<LoadedRules['timing']> => this.#rules.timing(input)
    return this.#rebuild.finish(new PartitionTracker(partitions, timing), nowMs)
  }

  #batch(batch: JournalBatch): void {
    const { partition, first, count, receivedMs } = batch
    const step = this.#step(inputOfPartition(partition))
    const maxTimeMs = scanBatch(batch, this.#sources.event, (ordinal, maxSoFarMs) =>
      step.record(this.#sources.event, ordinal, maxSoFarMs),
    )
    const matches = [step.seal(slabOf(batch), maxTimeMs)]
    this.#nowMs = Math.max(this.#nowMs, receivedMs)
    this.#rebuild.records({ partition, from: first, matches }, this.#nowMs)
    this.#records += count
  }

  #clock(body: ClockBody): void {
    this.#nowMs = Math.max(this.#nowMs, body.nowMs)
    this.#rebuild.clock({ ...body, nowMs: this.#nowMs })
  }

  #step(input: string): MatchStep {
    let step = this.#steps.get(input)
    if (step === undefined) {
      const matcher = createIndexedMatcher(this.#ruleset, input, this.#rules.source.fields)
      step = new MatchStep(matcher, this.#ruleset.hash)
      this.#steps.set(input, step)
    }
    return step
  }

  /** Also those long before the records: they say which inputs were idle. */
  async #clockEntries(below: number): Promise<ClockBody[]> {
    const found: ClockBody[] = []
    for await (const body of this.#sources.clockEntries(this.#clockTo, below)) found.push(body)
    this.#clockTo = below
    return found
  }
}
