import type { JournalReader } from '../../ingest/journal/journal.ts'
import { canonicalJson } from '../../lib/canonical.ts'
import type { RebuildPlan } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import type { ReloadReport } from '../../model/stats.ts'
import type { Engine } from '../../rules/engine.ts'
import type { PartitionTracker } from '../../rules/partition-tracker.ts'
import { editedOnly, editedRules } from '../../rules/rebuild.ts'
import type { Rebuilt } from '../../rules/rebuild.ts'
import type { RebuiltRules } from '../../rules/rebuilt-rules.ts'
import type { Rule } from '../../rules/rule.ts'
import type { FromCore, FromRebuild, ToRebuild } from '../messages.ts'
import type { Port } from '../ports.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { NEAR_RECORDS, RebuildChase } from './rebuild-chase.ts'
import { RebuildJob } from './rebuild-job.ts'
import { planRebuild } from './rebuild-plan.ts'

export interface RebuilderOptions {
  /** The spare thread. */
  readonly rebuild: Port<ToRebuild, FromRebuild>
  readonly journal: JournalReader
  readonly partitions: PartitionTracker
  readonly report: Report
  readonly post: (message: FromCore) => void
  /** Default {@link NEAR_RECORDS}. */
  readonly nearRecords?: number
  /** The spare thread has answered. */
  readonly onProgress: () => void
  /** Lets messages in while state is taken in. */
  readonly yieldTo: () => Promise<void>
}

/** The moment at which a rule set comes into force. */
export interface Activation {
  readonly engine: Engine
  readonly rules: LoadedRules
  readonly nowMs: number
  readonly no: number
}

/** Edited rules with their state, and from what a replay can rebuild it. */
export interface RebuiltWith {
  readonly rebuilt?: RebuiltRules
  readonly plan?: RebuildPlan
}

/** Some 2 ms of reading. */
const BYTES_PER_TURN = 64 * 1024

/** One rule set in place of another. */
interface Change {
  readonly former: LoadedRules
  readonly rules: LoadedRules
  readonly edited: readonly Rule[]
  /** Others that have to be rebuilt as soon as a group of theirs is cut. */
  readonly unlessTrimmed: readonly Rule[]
}

/**
 * Gives edited rules the state that they would have, had they been in force before (I8). The spare
 * thread does the work and follows the core; the core waits for it only over the last few records.
 */
export class Rebuilder {
  readonly #options: RebuilderOptions
  #jobs = 0
  /** The latest, which the spare thread's answers are for. */
  #job: RebuildJob | undefined
  #change: Change | undefined
  #chase: { readonly chase: RebuildChase; readonly key: string } | undefined
  #counts: Omit<ReloadReport, 'episodes' | 'atMs' | 'ruleset'> | undefined
  #lastReload: ReloadReport | undefined

  constructor(options: RebuilderOptions) {
    this.#options = options
    options.rebuild.listen((message) => {
      this.#job?.hear(message)
      options.onProgress()
    })
  }

  /** What came of the last edit that was rebuilt by this process. */
  get lastReload(): ReloadReport | undefined {
    return this.#lastReload
  }

  /** A rebuild reads the journal: nothing of it may be dropped. */
  get isReading(): boolean {
    return this.#chase !== undefined
  }

  /**
   * Called before every commit while `rules` are to replace `former`: begins the rebuild of what
   * was edited, or lets it follow. `true` when the rules may come into force.
   */
  prepare(
    change: { readonly former: LoadedRules; readonly rules: LoadedRules; readonly engine: Engine },
    at: { readonly nowMs: number; readonly nextNo: number },
  ): boolean {
    if (this.#isNew(change)) {
      this.#change = changeOf(change)
      const { edited, rules } = this.#change
      // What was edited may come with other edits that need no state: the work is still of use.
      const key = keyOf(edited, rules)
      if (this.#chase?.key !== key) {
        this.#chase?.chase.job.drop()
        this.#chase = undefined
      }
      if (edited.length > 0) this.#chase ??= { key, chase: this.#begin(this.#change, at) }
    }
    const partitions = this.#options.partitions.states()
    return this.#chase?.chase.follow({ partitions, nextNo: at.nextNo }) ?? true
  }

  /**
   * What the entry takes over that brings the prepared rules into force; nothing where no rule was
   * edited. Partitions must have the timing of the new rules already.
   */
  async atActivation(at: Activation): Promise<RebuiltWith> {
    this.#change = undefined
    if (this.#chase === undefined) return {}
    const { chase } = this.#chase
    const partitions = this.#options.partitions.states()
    const rebuilt = await chase.finish({ partitions, nextNo: at.no }, at.nowMs)
    const { plan, job } = chase
    this.#chase = undefined
    this.#counts = { rules: plan.rules, warming: plan.warming, ...job.counts }
    return { rebuilt: await this.#takeIn(rebuilt, plan, at), plan }
  }

  /** The same at a replay of the entry. */
  async again(plan: RebuildPlan, at: Activation): Promise<RebuiltRules> {
    const job = this.#newJob(at.rules, plan.rules)
    for (const pass of plan.passes) job.pass(pass)
    const rebuilt = await job.finish(this.#options.partitions.states(), at.nowMs)
    return this.#takeIn(rebuilt, plan, at)
  }

  /** Says what the edit changed, once the engine has told its effects. */
  tell(engine: Engine, at: { readonly atMs: number; readonly ruleset: string }): void {
    const episodes = engine.editDifference()
    if (this.#counts === undefined || episodes === undefined) return
    this.#lastReload = { ...at, ...this.#counts, episodes }
    this.#counts = undefined
    this.#options.report({ name: 'rules.rebuilt', detail: { ...this.#lastReload } })
  }

  #isNew({ former, rules, engine }: Parameters<Rebuilder['prepare']>[0]): boolean {
    const last = this.#change
    if (last?.former !== former || last.rules !== rules) return true
    return last.unlessTrimmed.some(({ id }) => engine.isTrimmed(id))
  }

  #begin({ rules, edited }: Change, at: { nowMs: number; nextNo: number }): RebuildChase {
    const { partitions, journal, post, report, nearRecords = NEAR_RECORDS } = this.#options
    // Until the next checkpoint after the activation a replay would read the same records again.
    post({ kind: 'retain', below: {} })
    const planned = planRebuild(edited, { rules, partitions, journal, nowMs: at.nowMs })
    const ids = edited.map(({ id }) => id)
    report({ name: 'rules.rebuilding', detail: { rules: ids, sinceMs: planned.fromMs } })
    const { nextNo } = at
    return new RebuildChase(this.#newJob(rules, ids), edited, { planned, nextNo, nearRecords })
  }

  #newJob({ source }: LoadedRules, rules: readonly string[]): RebuildJob {
    this.#job = new RebuildJob(this.#options.rebuild, { number: this.#jobs++, source, rules })
    return this.#job
  }

  /** A few buckets at a time: large state is not read at once. */
  async #takeIn(rebuilt: Rebuilt, plan: RebuildPlan, at: Activation): Promise<RebuiltRules> {
    const { rules } = editedOnly(at.rules.ruleset, plan.rules)
    const taken = at.engine.takeIn(rules, rebuilt, at.no)
    let bytes = 0
    for (const bucket of rebuilt.buckets) {
      taken.fill(bucket)
      bytes += bucket.blob.length
      if (bytes < BYTES_PER_TURN) continue
      bytes = 0
      await this.#options.yieldTo()
    }
    return taken
  }
}

function changeOf({
  former,
  rules,
  engine,
}: {
  readonly former: LoadedRules
  readonly rules: LoadedRules
  readonly engine: Engine
}): Change {
  const edited = editedRules(former, rules, (id) => engine.isTrimmed(id))
  const atMost = editedRules(former, rules, () => true)
  return { former, rules, edited, unlessTrimmed: atMost.filter((rule) => !edited.includes(rule)) }
}

/** Everything that the state of the edited rules depends on, besides the journal. */
function keyOf(edited: readonly Rule[], { source }: LoadedRules): string {
  const { inputs, fields } = source
  return canonicalJson([edited.map(({ id, revision }) => [id, revision]), inputs, fields])
}
