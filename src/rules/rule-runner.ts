import type { LedgerDelta } from '../model/commit.ts'
import type { RuleStats } from '../model/stats.ts'
import type { Rule } from './rule.ts'
import { admit } from './windows/admission.ts'
import type { EpisodeContext } from './windows/episodes.ts'
import { Ledger } from './windows/ledger.ts'
import { MatchWindows } from './windows/match.ts'
import type { Arrival, FiringSink, RuleWindows } from './windows/rule-windows.ts'
import { ThresholdWindows } from './windows/threshold.ts'

export interface RunnerOptions {
  readonly context: EpisodeContext
  readonly groupsMax: number
  readonly onFiring: FiringSink | undefined
}

/** One rule in the engine: admission, watermark, windows and what is counted about it. */
export class RuleRunner {
  readonly rule: Rule
  readonly windows: RuleWindows
  readonly #ledger: Ledger
  #watermarkMs = -Infinity
  /** Older events were refused under a former `late_by`: what they would change is gone. */
  #floorMs = -Infinity
  #matches = 0
  #lastMatchMs = -Infinity

  constructor(rule: Rule, options: RunnerOptions, previous?: RuleRunner) {
    this.rule = rule
    this.#ledger = previous === undefined ? new Ledger() : previous.#ledger
    const ledger = this.#ledger
    this.windows = windowsOf({ rule, ledger, ...options }, previous?.windows)
    if (previous === undefined) return
    this.#watermarkMs = previous.#watermarkMs
    this.#floorMs = Math.max(previous.#floorMs, previous.finalMs)
    this.#matches = previous.#matches
    this.#lastMatchMs = previous.#lastMatchMs
  }

  /** Firings before this time are final. */
  get finalMs(): number {
    return this.#watermarkMs - this.rule.lateByMs
  }

  take(arrival: Arrival, witnessedMs: number): void {
    const { timeMs } = arrival
    const { lateByMs } = this.rule
    this.#matches++
    this.#lastMatchMs = Math.max(this.#lastMatchMs, timeMs)
    let admission = admit({ timeMs, witnessedMs, watermarkMs: this.#watermarkMs, lateByMs })
    if (timeMs < this.#floorMs) admission = 'late'
    if (admission === 'admitted') this.windows.add(arrival)
    else this.#ledger.count(admission, timeMs)
  }

  missingGroup(timeMs: number, count: number): void {
    this.#matches += count
    this.#ledger.count('missing_group', timeMs, count)
  }

  /** The rule's watermark never falls. */
  advance(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.windows.advance(this.#watermarkMs)
  }

  takeLedger(): LedgerDelta[] {
    return this.#ledger.take(this.rule.id)
  }

  stats(): RuleStats {
    const { groups, openEpisodes } = this.windows
    const lastMatchMs = this.#lastMatchMs === -Infinity ? null : this.#lastMatchMs
    return { ruleId: this.rule.id, matches: this.#matches, lastMatchMs, groups, openEpisodes }
  }
}

/**
 * Runners for a new rule set (I8): a rule whose state hash is unchanged keeps its windows;
 * what a removed or rewritten rule had open is settled, and its matches are accounted for.
 */
export function takeOver(
  previous: readonly RuleRunner[],
  rules: readonly Rule[],
  options: RunnerOptions,
): { readonly runners: RuleRunner[]; readonly ledger: LedgerDelta[] } {
  const former = new Map(previous.map((runner) => [runner.rule.id, runner]))
  const runners = rules.map((rule) => {
    const runner = former.get(rule.id)
    if (runner?.rule.stateHash !== rule.stateHash) return new RuleRunner(rule, options)
    former.delete(rule.id)
    return new RuleRunner(rule, options, runner)
  })
  const ids = new Set(rules.map(({ id }) => id))
  const ledger: LedgerDelta[] = []
  for (const runner of former.values()) {
    runner.windows.close(ids.has(runner.rule.id) ? 'edit' : 'rule_removed')
    ledger.push(...runner.takeLedger())
  }
  return { runners, ledger }
}

function windowsOf(
  options: ConstructorParameters<typeof ThresholdWindows>[0],
  previous: RuleWindows | undefined,
): RuleWindows {
  if (options.rule.detector.kind === 'match') {
    return new MatchWindows(options, previous instanceof MatchWindows ? previous : undefined)
  }
  return new ThresholdWindows(options, previous instanceof ThresholdWindows ? previous : undefined)
}
