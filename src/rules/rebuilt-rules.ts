import type { BucketName } from './engine.ts'
import type { Rebuilt, RebuiltBucket } from './rebuild.ts'
import type { RuleRunner } from './rule-runner.ts'
import type { Runners } from './take-over.ts'

/**
 * Rebuilt rules on their way into a running engine (I8): they fill up beside the rules in force,
 * a few buckets at a time, so that nobody waits for long; {@link createEngine} puts them to work.
 */
export class RebuiltRules {
  readonly rebuilt: Rebuilt
  readonly runners: Runners
  readonly #at
  readonly #byId

  constructor(
    rebuilt: Rebuilt,
    runners: Runners,
    at: {
      /** The entry that brings them into force. */
      readonly no: number
      /** A start has loaded this bucket as it was at that entry or later. */
      readonly isLoaded: (bucket: BucketName) => boolean
      /** See {@link RunnerOptions.refusing}: the runners enter themselves. */
      readonly refusing: Set<RuleRunner>
    },
  ) {
    this.rebuilt = rebuilt
    this.runners = runners
    this.#at = at
    this.#byId = new Map(runners.runners.map((runner) => [runner.rule.id, runner]))
  }

  get refusing(): Set<RuleRunner> {
    return this.#at.refusing
  }

  /** Every one of {@link Rebuilt.buckets}, once. One that was loaded and holds the entry stays. */
  fill(rebuilt: RebuiltBucket): void {
    const { ruleId, stateHash, bucket, blob } = rebuilt
    const { no, isLoaded } = this.#at
    const runner = this.#byId.get(ruleId)
    if (runner?.rule.stateHash !== stateHash || isLoaded(rebuilt)) return
    runner.takeRebuilt(bucket, blob, no)
  }
}
