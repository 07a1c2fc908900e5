import type { RuleStats } from '../model/stats.ts'
import type { PartitionTracker } from './partition-tracker.ts'
import type { Rule } from './rule.ts'
import { admit } from './windows/admission.ts'
import { Deadlines } from './windows/deadlines.ts'
import type { EpisodeContext } from './windows/episodes.ts'
import type { Ledger, LedgerBook } from './windows/ledger.ts'
import { MatchWindows } from './windows/match.ts'
import type { Arrival, FiringSink, RuleClock, RuleWindows } from './windows/rule-windows.ts'
import { ThresholdWindows } from './windows/threshold.ts'

export interface RunnerOptions {
  readonly context: EpisodeContext
  readonly ledgers: LedgerBook
  readonly groupsMax: number
  readonly onFiring: FiringSink | undefined
}

/** Rules that read the same watermark: same inputs, same clock. */
export class SharedClock implements RuleClock {
  readonly #rule: Pick<Rule, 'inputs' | 'clock'>
  readonly #deadlines = new Deadlines<RuleRunner>()
  #watermarkMs: number
  #lateByMaxMs = 0

  constructor(rule: Pick<Rule, 'inputs' | 'clock'>, watermarkMs: number) {
    this.#rule = rule
    this.#watermarkMs = watermarkMs
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** Firings before this time are final for every rule that reads it. */
  get finalMs(): number {
    return this.#watermarkMs - this.#lateByMaxMs
  }

  /** See {@link RuleWindows.nextDueMs}; of all its rules. */
  get nextDueMs(): number {
    return this.#deadlines.nextMs()
  }

  add(runner: RuleRunner): void {
    this.#lateByMaxMs = Math.max(this.#lateByMaxMs, runner.rule.lateByMs)
    this.schedule(runner)
  }

  schedule(runner: RuleRunner): void {
    this.#deadlines.schedule(runner, runner.windows.nextDueMs)
  }

  /** The watermark never falls; only rules with something due are looked at. */
  advance(partitions: PartitionTracker, nowMs: number): void {
    const { inputs, clock } = this.#rule
    const { ms } = partitions.watermark(inputs, clock, nowMs)
    this.#watermarkMs = Math.max(this.#watermarkMs, ms)
    for (
      let runner = this.#deadlines.take(this.#watermarkMs);
      runner !== undefined;
      runner = this.#deadlines.take(this.#watermarkMs)
    ) {
      runner.windows.advance()
      this.schedule(runner)
    }
  }
}

/** One rule in the engine: admission, windows and what is counted about it. */
export class RuleRunner {
  readonly rule: Rule
  readonly windows: RuleWindows
  readonly clock: SharedClock
  /** Kept by its clock. */
  dueMs = Infinity
  readonly #ledger: Ledger
  /** Older events were refused under a former `late_by`: what they would change is gone. */
  #floorMs = -Infinity
  #matches = 0
  #lastMatchMs = -Infinity

  constructor(rule: Rule, clock: SharedClock, options: RunnerOptions, previous?: RuleRunner) {
    this.rule = rule
    this.clock = clock
    this.#ledger = previous === undefined ? options.ledgers.ledger(rule.id) : previous.#ledger
    const { context, groupsMax, onFiring } = options
    const ledger = this.#ledger
    const windowOptions = { rule, clock, ledger, context, groupsMax, onFiring }
    this.windows = windowsOf(windowOptions, previous?.windows)
    if (previous !== undefined) {
      const refusedMs = previous.clock.watermarkMs - previous.rule.lateByMs
      this.#floorMs = Math.max(previous.#floorMs, refusedMs)
      this.#matches = previous.#matches
      this.#lastMatchMs = previous.#lastMatchMs
    }
    clock.add(this)
  }

  /** `witnessedMs` is that of the match's own partition at its position. */
  take(arrival: Arrival, witnessedMs: number): void {
    const { timeMs } = arrival
    const { lateByMs } = this.rule
    this.#matches++
    if (timeMs > this.#lastMatchMs) this.#lastMatchMs = timeMs
    const { watermarkMs } = this.clock
    const admission = admit({ timeMs, witnessedMs, watermarkMs, lateByMs })
    if (admission !== 'admitted') this.#ledger.count(admission, timeMs)
    else if (timeMs < this.#floorMs) this.#ledger.count('late', timeMs)
    else {
      this.windows.add(arrival)
      this.clock.schedule(this)
    }
  }

  missingGroup(timeMs: number, count: number): void {
    this.#matches += count
    this.#ledger.count('missing_group', timeMs, count)
  }

  stats(): RuleStats {
    const { groups, openEpisodes } = this.windows
    const lastMatchMs = this.#lastMatchMs === -Infinity ? null : this.#lastMatchMs
    return { ruleId: this.rule.id, matches: this.#matches, lastMatchMs, groups, openEpisodes }
  }
}

/**
 * Runners for a new rule set (I8): a rule whose state hash is unchanged keeps its windows and its
 * watermark; what a removed or rewritten rule had open is settled, and its matches are counted.
 */
export function takeOver(
  previous: readonly RuleRunner[],
  rules: readonly Rule[],
  options: RunnerOptions,
): { readonly runners: readonly RuleRunner[]; readonly clocks: readonly SharedClock[] } {
  const former = new Map(previous.map((runner) => [runner.rule.id, runner]))
  const clocks = new Map<string, SharedClock>()
  const runners = rules.map((rule) => {
    const candidate = former.get(rule.id)
    const kept = candidate?.rule.stateHash === rule.stateHash ? candidate : undefined
    if (kept !== undefined) former.delete(rule.id)
    const watermarkMs = kept?.clock.watermarkMs ?? -Infinity
    const key = JSON.stringify([rule.clock, rule.inputs, String(watermarkMs)])
    const clock = clocks.get(key) ?? new SharedClock(rule, watermarkMs)
    clocks.set(key, clock)
    return new RuleRunner(rule, clock, options, kept)
  })
  const ids = new Set(rules.map(({ id }) => id))
  for (const runner of former.values()) {
    runner.windows.close(ids.has(runner.rule.id) ? 'edit' : 'rule_removed')
  }
  return { runners, clocks: [...clocks.values()] }
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
