import type { Timers } from '../../lib/clock.ts'
import type { CommitRequest, CommitResult, CoreStore, Decision } from '../../model/commit.ts'
import { StoreWriteError } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import type { RulesetOrigin } from '../../model/ruleset.ts'
import { commit } from '../../pipeline.ts'
import type { FromCore } from '../messages.ts'
import type { Decisions } from './decide-with.ts'

const RETRY_MS = [100, 200, 500, 1_000, 2_000, 5_000] as const

export interface CommitterOptions {
  readonly store: CoreStore
  readonly decisions: Decisions
  readonly timers: Timers
  readonly report: Report
  readonly post: (message: FromCore) => void
}

/** Writes one commit after the other, and tells main what came of each. */
export class Committer {
  /** Number of the next entry of the input log. */
  nextNo = 1
  readonly #options: CommitterOptions

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /**
   * Commits, again and again while the database cannot (full, busy): the same effects, as nothing
   * is evaluated twice. Throws when we are fenced or a promise of ours is broken.
   */
  async commit(request: Omit<CommitRequest, 'firstNo'>): Promise<CommitResult> {
    const { store, decisions } = this.#options
    const numbered = { ...request, firstNo: this.nextNo }
    const result = await this.#untilWritten(() =>
      commit(store, numbered, decisions.decide, decisions.openKeyOf),
    )
    this.nextNo = result.lastNo + 1
    this.#tell(numbered, result.decision)
    this.#tellRecomputes(result.recomputes)
    return result
  }

  /** Keeps a rule set's content, before the entry that names it; as patient as {@link commit}. */
  async saveRuleset(saved: {
    readonly hash: string
    readonly content: string
    readonly nowMs: number
    readonly origin: RulesetOrigin | null
  }): Promise<void> {
    const { hash, content, nowMs, origin } = saved
    await this.#untilWritten(() => this.#options.store.saveRuleset(hash, content, nowMs, origin))
  }

  async #untilWritten<T>(write: () => Promise<T>): Promise<T> {
    const { report, timers } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        return await write()
      } catch (error) {
        if (!isRetryable(error)) throw error
        report({ name: 'core.commit_failed', detail: { error: error.message, attempt } })
        const delayMs = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!
        await new Promise<void>((resolve) => void timers.after(delayMs, resolve))
      }
    }
  }

  #tell(request: CommitRequest, decision: Decision): void {
    const { report, post } = this.#options
    for (const result of decision.results) post({ kind: 'result', result })
    const attempted = request.attempts.map(({ deliveryId }) => deliveryId)
    const deliveries = decision.deliveries.length
    post({ kind: 'committed', lastNo: this.nextNo - 1, deliveries, attempted })

    report({ name: 'core.committed', count: request.entries.length })
    for (const { version, severity, mode, number, title, ruleId } of decision.incidents) {
      if (version !== 1) continue
      const detail = { number, title, rule: ruleId }
      report({ name: 'incident.opened', labels: { severity, mode }, detail })
    }
    for (const { kind } of decision.timeline) report({ name: 'incident.changed', labels: { kind } })
    for (const { effects } of request.entries) {
      for (const { class: kind, reason, count } of effects.ledger) {
        if (kind !== 'skipped') continue
        report({ name: 'engine.skipped', labels: { reason: reason ?? 'none' }, count })
      }
    }
  }

  #tellRecomputes({ refused, ...counts }: CommitResult['recomputes']): void {
    const { report } = this.#options
    if (refused > 0) report({ name: 'recompute.refused', count: refused })
    for (const [step, count] of Object.entries(counts)) {
      if (count > 0) report({ name: 'recompute.counted', labels: { step }, count })
    }
  }
}

/** A database that is full, busy or slow heals; everything else is a broken promise of ours. */
function isRetryable(error: unknown): error is StoreWriteError {
  return error instanceof StoreWriteError && error.retryable
}
