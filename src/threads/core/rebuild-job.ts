import type { RebuildPass, RebuildPlan } from '../../model/commit.ts'
import type { PartitionState } from '../../model/partition.ts'
import type { RulesetSource } from '../../model/ruleset.ts'
import type { Rebuilt } from '../../rules/rebuild.ts'
import type { FromRebuild, RebuildCounts, ToRebuild } from '../messages.ts'
import type { Port } from '../ports.ts'

/** The core's side of one rebuild in the spare thread: orders by message, the state by promise. */
export class RebuildJob {
  readonly #spare: Pick<Port<ToRebuild, FromRebuild>, 'post'>
  readonly #number: number
  readonly #passes: RebuildPass[] = []
  readonly #rebuilt = Promise.withResolvers<Rebuilt>()
  #answered = 0
  #counts: RebuildCounts = { records: 0, missing: 0 }

  /** `number`: of this process, counted. */
  constructor(
    spare: Pick<Port<ToRebuild, FromRebuild>, 'post'>,
    job: {
      readonly number: number
      readonly source: RulesetSource
      readonly rules: RebuildPlan['rules']
    },
  ) {
    const { number, source, rules } = job
    this.#spare = spare
    this.#number = number
    spare.post({ kind: 'begin', job: number, source, rules })
  }

  /** As far as it has been told. */
  get counts(): RebuildCounts {
    return this.#counts
  }

  /** Ordered so far. */
  get passes(): readonly RebuildPass[] {
    return this.#passes
  }

  get isIdle(): boolean {
    return this.#answered === this.#passes.length
  }

  /** An answer of the spare thread; one to another job is out of date. */
  hear(message: FromRebuild): void {
    if (message.job !== this.#number) return
    this.#counts = message.counts
    if (message.kind === 'rebuilt') this.#rebuilt.resolve(message.rebuilt)
    else this.#answered++
  }

  pass(pass: RebuildPass): void {
    this.#passes.push(pass)
    this.#spare.post({ kind: 'pass', job: this.#number, pass })
  }

  /** The state after all passes, where time stands as in `partitions` at `nowMs`. */
  finish(partitions: readonly PartitionState[], nowMs: number): Promise<Rebuilt> {
    this.#spare.post({ kind: 'finish', job: this.#number, partitions, nowMs })
    return this.#rebuilt.promise
  }

  drop(): void {
    this.#spare.post({ kind: 'drop', job: this.#number })
  }
}
