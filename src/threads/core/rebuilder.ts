import type { RebuildPlan } from '../../model/commit.ts'
import type { FromCore } from '../messages.ts'
import type { Report } from '../../model/occurrence.ts'
import type { ReloadReport } from '../../model/stats.ts'
import type { Engine } from '../../rules/engine.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import { editedRules } from '../../rules/rebuild.ts'
import type { Rebuilt } from '../../rules/rebuild.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { planRebuild } from './rebuild-plan.ts'
import { runPlan } from './rebuild-run.ts'
import type { RebuildSources } from './rebuild-run.ts'

export interface RebuilderOptions extends RebuildSources {
  readonly partitions: PartitionTracker
  readonly report: Report
  readonly post: (message: FromCore) => void
}

/** Gives edited rules the state that they would have, had they been in force before (I8). */
export class Rebuilder {
  readonly #options: RebuilderOptions
  #counts: Omit<ReloadReport, 'episodes' | 'atMs' | 'ruleset'> | undefined
  #lastReload: ReloadReport | undefined

  constructor(options: RebuilderOptions) {
    this.#options = options
  }

  /** What came of the last edit that was rebuilt by this process. */
  get lastReload(): ReloadReport | undefined {
    return this.#lastReload
  }

  /**
   * What entry `no` takes over when `rules` replace `former`, and what it says about it; nothing
   * where no rule was edited. Partitions must have the timing of the new rules already.
   */
  async atActivation(change: {
    readonly former: LoadedRules
    readonly rules: LoadedRules
    readonly nowMs: number
    readonly no: number
    /** See {@link Engine.isTrimmed}; of the engine that is replaced. */
    readonly isTrimmed: (ruleId: string) => boolean
  }): Promise<{ readonly rebuilt?: Rebuilt; readonly plan?: RebuildPlan }> {
    const { former, rules, nowMs, no } = change
    const edited = editedRules(former, rules, change.isTrimmed)
    if (edited.length === 0) return {}
    const { journal, partitions, post } = this.#options
    // Until the next checkpoint a replay would read the same records again.
    post({ kind: 'retain', below: {} })
    const { ranges, warming } = planRebuild(edited, { rules, partitions, journal, nowMs })
    const ids = edited.map(({ id }) => id)
    const plan = { rules: ids, warming, passes: [{ ranges, clockBelow: no }] }
    return { rebuilt: await this.#run(plan, rules, nowMs), plan }
  }

  /** The same at a replay of the entry. */
  async again(plan: RebuildPlan, rules: LoadedRules, nowMs: number): Promise<Rebuilt> {
    const rebuilt = await this.#run(plan, rules, nowMs)
    this.#counts = undefined
    return rebuilt
  }

  /** Says what the edit changed, once the engine has told its effects. */
  tell(engine: Engine, at: { readonly atMs: number; readonly ruleset: string }): void {
    const episodes = engine.editDifference()
    if (this.#counts === undefined || episodes === undefined) return
    this.#lastReload = { ...at, ...this.#counts, episodes }
    this.#counts = undefined
    this.#options.report({ name: 'rules.rebuilt', detail: { ...this.#lastReload } })
  }

  async #run(plan: RebuildPlan, rules: LoadedRules, nowMs: number): Promise<Rebuilt> {
    const run = await runPlan(this.#options, rules, plan)
    this.#counts = { rules: plan.rules, warming: plan.warming, ...run.counts }
    return run.rebuild.finish(this.#options.partitions, nowMs)
  }
}
