import type { Rebuilt, RebuiltBucket } from './rebuild.ts'
import type { Runners } from './take-over.ts'

/**
 * Rebuilt rules on their way into a running engine (I8): they fill up beside the rules in force,
 * a few buckets at a time, so that nobody waits for long; {@link createEngine} puts them to work.
 */
export class RebuiltRules {
  readonly rebuilt: Rebuilt
  readonly runners: Runners
  readonly #no: number
  readonly #byId

  /** `no`: the entry that brings them into force. */
  constructor(rebuilt: Rebuilt, runners: Runners, no: number) {
    this.rebuilt = rebuilt
    this.runners = runners
    this.#no = no
    this.#byId = new Map(runners.runners.map((runner) => [runner.rule.id, runner]))
  }

  /** Every one of {@link Rebuilt.buckets}, once. One that was loaded and holds the entry stays. */
  fill({ ruleId, stateHash, bucket, blob }: RebuiltBucket): void {
    const runner = this.#byId.get(ruleId)
    if (runner?.rule.stateHash === stateHash) runner.takeRebuilt(bucket, blob, this.#no)
  }
}
