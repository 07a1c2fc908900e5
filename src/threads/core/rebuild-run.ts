import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalBatch, JournalReader } from '../../ingest/journal/journal.ts'
import type { CoreStore, RebuildPass, RebuildPlan } from '../../model/commit.ts'
import { inputOfPartition } from '../../model/slab.ts'
import { MatchStep } from '../../pipeline.ts'
import { createIndexedMatcher } from '../../rules/matching/indexed-matcher.ts'
import { editedOnly, Rebuild } from '../../rules/rebuild.ts'
import type { RebuildState } from '../../rules/rebuild.ts'
import type { CompiledRuleset } from '../../rules/rule.ts'
import { inOrderOfArrival, withClock } from '../journal-steps.ts'
import type { ClockBody } from '../journal-steps.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { scanBatch, slabOf } from './rematch.ts'

/** Batches between two pauses, so that messages are not held up by a long rebuild. */
const BATCHES_PER_TURN = 16

export interface RebuildSources {
  readonly store: Pick<CoreStore, 'readLog'>
  readonly journal: JournalReader
  readonly event: GelfEvent
  /** Lets others in between; by default nobody. */
  readonly yieldTo?: () => Promise<void>
}

/** The edited rules of a plan while they run over the journal (design §4.1). */
export class RebuildRun {
  readonly rebuild: Rebuild
  readonly #sources: RebuildSources
  readonly #rules: LoadedRules
  readonly #ruleset: CompiledRuleset
  readonly #steps = new Map<string, MatchStep>()
  #nowMs = -Infinity
  #records = 0
  #missing = 0

  constructor(
    sources: RebuildSources,
    rules: LoadedRules,
    options: { readonly rules: readonly string[]; readonly from?: RebuildState },
  ) {
    const { from } = options
    this.#sources = sources
    this.#rules = rules
    this.#ruleset = editedOnly(rules.ruleset, options.rules)
    this.rebuild = new Rebuild({
      ruleset: this.#ruleset,
      timing: (input) => rules.timing(input),
      ...(from === undefined ? {} : { from }),
    })
  }

  /** Records that were run, and those of the ranges that the journal no longer holds. */
  get counts(): { readonly records: number; readonly missing: number } {
    return { records: this.#records, missing: this.#missing }
  }

  /** `clockFrom`: the pass before had the clock entries below it. */
  async pass({ ranges, clockBelow }: RebuildPass, clockFrom: number): Promise<void> {
    const { journal, yieldTo } = this.#sources
    const clock = await this.#clockEntries(clockFrom, clockBelow)
    const asked = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
    const before = this.#records
    const batches = inOrderOfArrival(
      ranges.map(({ partition, from, to }) => journal.read(partition, from, to)),
    )
    let turns = 0
    for (const step of withClock(batches, clock, Infinity)) {
      if (step.kind === 'batch') this.#batch(step.batch)
      else this.#clock(step.body)
      if (++turns % BATCHES_PER_TURN === 0) await yieldTo?.()
    }
    this.#missing += asked - (this.#records - before)
  }

  #batch(batch: JournalBatch): void {
    const { partition, first, count, receivedMs } = batch
    const step = this.#step(inputOfPartition(partition))
    const maxTimeMs = scanBatch(batch, this.#sources.event, (ordinal, maxSoFarMs) =>
      step.record(this.#sources.event, ordinal, maxSoFarMs),
    )
    const matches = [step.seal(slabOf(batch), maxTimeMs)]
    this.#nowMs = Math.max(this.#nowMs, receivedMs)
    this.rebuild.records({ partition, from: first, matches }, this.#nowMs)
    this.#records += count
  }

  #clock(body: ClockBody): void {
    this.#nowMs = Math.max(this.#nowMs, body.nowMs)
    this.rebuild.clock({ ...body, nowMs: this.#nowMs })
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
  async #clockEntries(from: number, below: number): Promise<ClockBody[]> {
    const found: ClockBody[] = []
    for await (const { no, body } of this.#sources.store.readLog(from, 'clock')) {
      if (no >= below) break
      if (body.kind === 'clock') found.push(body)
    }
    return found
  }
}

/** Runs a whole plan, as a replay does. */
export async function runPlan(
  sources: RebuildSources,
  rules: LoadedRules,
  plan: RebuildPlan,
): Promise<RebuildRun> {
  const run = new RebuildRun(sources, rules, { rules: plan.rules })
  let clockFrom = 0
  for (const pass of plan.passes) {
    await run.pass(pass, clockFrom)
    clockFrom = pass.clockBelow
  }
  return run
}
