import type { BrokenBody, UnverifiedRule } from '../../model/broken.ts'
import type { CommitEntry, LogEntry } from '../../model/commit.ts'
import { FencedError } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import type { RuleStats } from '../../model/stats.ts'
import { effectsHash } from '../../rules/effects-hash.ts'
import type { CompiledRuleset } from '../../rules/rule.ts'
import type { ConfirmRequest, FromCore } from '../messages.ts'
import {
  brokenBy,
  brokenEntry,
  BrokenInvariantError,
  brokenRecords,
  isBrokenPromise,
} from './broken-invariant.ts'
import type { Committer } from './committer.ts'
import { inputOfPartition } from '../../model/slab.ts'
import type { NextSlice } from './feeds.ts'
import { BrokenWork } from './broken-work.ts'
import { Unverified } from './unverified.ts'
import { namesOf } from './verification.ts'

export interface InvariantGuardOptions {
  readonly committer: Committer
  readonly engineVersion: string
  readonly report: Report
  readonly post: (message: FromCore) => void
}

/**
 * What the core does about a broken promise of its own (I13): writes it down, keeps the marks on
 * rules that may be wrong since, and takes them off again.
 */
export class InvariantGuard {
  readonly #options: InvariantGuardOptions
  readonly #unverified = new Unverified()
  readonly #work = new BrokenWork()
  /** Why every rule began with nothing, until their rule set comes into force. */
  #afresh: BrokenBody | undefined

  constructor(options: InvariantGuardOptions) {
    this.#options = options
  }

  /** Takes the marks that the store has, and learns from the last entry how the log ended. */
  restore(rules: readonly UnverifiedRule[], last: LogEntry | undefined): void {
    this.#unverified.restore(rules)
    this.#work.restore(last?.body.kind === 'broken' ? last.body : undefined)
  }

  /** Records that the next commit may take, at most `most`. */
  recordsMax(most: number): number {
    return this.#work.recordsMax(most)
  }

  /**
   * A slice is about to be evaluated. Answers the entry that says that it has to be left out, where
   * it broke the work of two processes.
   */
  begins(
    slice: NextSlice,
    at: { readonly nowMs: number; readonly no: number },
    ruleset: CompiledRuleset,
  ): CommitEntry[] {
    if (!this.#work.breaks(slice)) {
      this.#work.begins(slice)
      return []
    }
    const { partition, from, count } = slice
    const input = inputOfPartition(partition)
    const rules = ruleset.rules
      .filter(({ inputs }) => inputs.length === 0 || inputs.includes(input))
      .map(({ id }) => id)
    const body = brokenRecords({ partition, from, to: from + count }, { ...at, rules })
    const { nowMs: sinceMs, message: cause } = body
    this.#unverified.mark(ruleset, { rules, sinceMs, cause })
    this.#options.report({ name: 'core.invariant_broken', detail: { no: at.no, error: cause } })
    this.#options.report({ name: 'rules.unverified', detail: { rules: namesOf(rules), cause } })
    return [{ ...brokenEntry(body), unverified: this.#unverified.all() }]
  }

  withMarks(stats: readonly RuleStats[]): readonly RuleStats[] {
    return this.#unverified.withMarks(stats)
  }

  /**
   * Commits it with its incident and, where the process is to go live all the same, with the marks;
   * where it is not, throws {@link BrokenInvariantError}. A process that was replaced may have read
   * what its successor was writing: that is no broken promise, and nothing is said but the fence.
   */
  async write(body: BrokenBody, ruleset: CompiledRuleset, cause?: unknown): Promise<void> {
    const { report } = this.#options
    const { nowMs, no, what, message, rules, isLive } = body
    if (isLive) this.#unverified.mark(ruleset, { rules, sinceMs: nowMs, cause: message })
    const entry = brokenEntry(body)
    const marked = isLive ? { ...entry, unverified: this.#unverified.all() } : entry
    const failure = await this.#committed(marked, nowMs)
    if (failure instanceof FencedError) throw failure
    report({ name: 'core.invariant_broken', detail: { no, what, error: message } })
    if (failure !== undefined) throw failure
    if (!isLive) throw new BrokenInvariantError(body, cause)
    report({ name: 'rules.unverified', detail: { rules: namesOf(rules), cause: message } })
  }

  /** All rules will begin with no windows, whichever are activated next. */
  beginsAfresh(body: BrokenBody): void {
    this.#afresh = body
  }

  /** A turn of the core failed: written down where the database still takes it. The reason to end. */
  async lastWord(
    error: Error,
    at: { readonly nowMs: number; readonly no: number; readonly ruleset: CompiledRuleset },
  ): Promise<Error> {
    const { report } = this.#options
    if (!isBrokenPromise(error)) {
      const name = error instanceof FencedError ? 'core.fenced' : 'core.commit_failed'
      report({ name, detail: { error: String(error), attempt: 0 } })
      return error
    }
    const { nowMs, no, ruleset } = at
    const { slice } = this.#work
    const found = { what: 'work', nowMs, no, isLive: false } as const
    const body = brokenBy(error, slice === undefined ? found : { ...found, slice })
    // What it throws says the same, or that not even this could be written.
    return this.write(body, ruleset, error).then(
      () => error,
      (reason: Error) => {
        if (reason instanceof BrokenInvariantError) return reason
        if (!(reason instanceof FencedError)) return error
        report({ name: 'core.fenced', detail: { error: String(reason) } })
        return reason
      },
    )
  }

  /** Commits an entry alone; answers what went wrong. */
  async #committed(entry: CommitEntry, nowMs: number): Promise<unknown> {
    const { committer, engineVersion } = this.#options
    const nothing = { commands: [], attempts: [], recomputed: [], evidence: new Map() }
    return committer.commit({ nowMs, engineVersion, entries: [entry], ...nothing }).then(
      () => undefined,
      (error: unknown) => error,
    )
  }

  /** The entry of a reload, with the marks where it changed them. */
  activated(entry: CommitEntry, ruleset: CompiledRuleset): CommitEntry {
    const { body } = entry
    const rebuilt = body.kind === 'rules' ? (body.rebuilt?.rules ?? []) : []
    const verified = this.#unverified.activated(ruleset, rebuilt)
    if (verified.length > 0) this.#verified(verified, 'their windows were built anew')
    const afresh = this.#afresh
    this.#afresh = undefined
    if (afresh !== undefined) {
      const { nowMs: sinceMs, message: cause } = afresh
      this.#unverified.mark(ruleset, { rules: null, sinceMs, cause })
    }
    if (verified.length === 0 && afresh === undefined) return entry
    return { ...entry, unverified: this.#unverified.all() }
  }

  /** The entry that takes a mark off because somebody vouches for the rule, where it has one; else nothing. */
  confirmed({ id, ruleId, actor }: ConfirmRequest, nowMs: number): CommitEntry[] {
    if (!this.#unverified.confirm(ruleId)) {
      this.#options.post({ kind: 'confirmed', id, wasUnverified: false })
      return []
    }
    const effects = { episodes: [], slo: [], ledger: [], recomputes: [] }
    const entry: CommitEntry = {
      body: { kind: 'confirmed', nowMs, id, ruleId, actor },
      effects,
      effectsHash: effectsHash(effects),
      ruleHashes: {},
      partitions: [],
      unverified: this.#unverified.all(),
    }
    return [entry]
  }

  /** Entries of a commit that has returned: who asked is told. */
  committed(entries: readonly CommitEntry[]): void {
    this.#work.committed()
    for (const { body } of entries) {
      if (body.kind !== 'confirmed') continue
      this.#verified([body.ruleId], `${body.actor} vouches for it`)
      this.#options.post({ kind: 'confirmed', id: body.id, wasUnverified: true })
    }
  }

  #verified(rules: readonly string[], how: string): void {
    this.#options.report({ name: 'rules.verified', detail: { rules: namesOf(rules), how } })
  }
}
