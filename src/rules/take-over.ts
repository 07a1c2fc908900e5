import type { SavedBucket } from '../model/commit.ts'
import type { FormerBuckets } from './former-buckets.ts'
import type { Rule } from './rule.ts'
import { RuleRunner, SharedClock } from './rule-runner.ts'
import type { RunnerOptions } from './rule-runner.ts'
import { RULE_BUCKET } from './windows/group-hash.ts'

/** The runners of a rule set with what they share. */
export interface Runners {
  readonly runners: readonly RuleRunner[]
  readonly clocks: readonly SharedClock[]
}

/**
 * Runners for a new rule set (I8): a rule whose state hash is unchanged keeps its windows and its
 * watermark; what a removed or rewritten rule had open is settled, and its matches are counted.
 * `handedBack` are buckets of rules that are not in force now, but will be again before the entry
 * that those hold.
 */
export function takeOver(
  previous: readonly RuleRunner[],
  rules: readonly Rule[],
  options: RunnerOptions & {
    /** Those of edited rules, filled with what the journal gave back; what they had goes. */
    readonly rebuilt: Runners | undefined
    readonly formerBuckets: FormerBuckets
  },
): Runners & { readonly handedBack: readonly SavedBucket[] } {
  const { formerBuckets, no, rebuilt } = options
  const former = new Map(previous.map((runner) => [runner.rule.id, runner]))
  const clocks = new Map(
    rebuilt?.clocks.map((clock) => [clockKey(clock.rule, clock.watermarkMs), clock]),
  )
  const taken = new Map(rebuilt?.runners.map((runner) => [runner.rule.id, runner]))
  const runners = rules.map((rule) => {
    const given = taken.get(rule.id)
    if (given !== undefined) return given
    const candidate = former.get(rule.id)
    const isKept = candidate?.rule.stateHash === rule.stateHash
    const kept = isKept ? candidate : undefined
    if (kept !== undefined) former.delete(rule.id)
    const watermarkMs = kept?.clock.watermarkMs ?? -Infinity
    const runner = new RuleRunner(rule, clockOf(clocks, rule, watermarkMs), options, kept)
    if (kept === undefined) disown(runner, formerBuckets)
    return runner
  })
  const byId = new Map(runners.map((runner) => [runner.rule.id, runner]))
  const handedBack: SavedBucket[] = []
  for (const runner of former.values()) {
    const { id: ruleId, stateHash } = runner.rule
    const next = byId.get(ruleId)
    // Under the same name as what is stored the new life must overwrite all of it.
    if (next?.rule.stateHash === stateHash) {
      for (const bucket of runner.stored()) next.disown(bucket)
    } else formerBuckets.add({ ruleId, stateHash }, runner.stored())
    handedBack.push(...runner.close(next === undefined ? 'rule_removed' : 'edit', no))
  }
  return { runners, clocks: [...clocks.values()], handedBack }
}

/** What is stored of an earlier life of the rule must be written again. */
export function disown(runner: RuleRunner, formerBuckets: FormerBuckets): void {
  const { id: ruleId, stateHash } = runner.rule
  const left = formerBuckets.take({ ruleId, stateHash }, RULE_BUCKET + 1)
  for (const bucket of left) runner.disown(bucket)
}

/** Runners without a past, but with the watermarks that were read before. */
export function begin(
  rules: readonly Rule[],
  watermarks: Readonly<Record<string, number>>,
  options: RunnerOptions,
): Runners {
  const clocks = new Map<string, SharedClock>()
  const runners = rules.map((rule) => {
    const watermarkMs = readBefore(watermarks, rule)
    return new RuleRunner(rule, clockOf(clocks, rule, watermarkMs), options)
  })
  return { runners, clocks: [...clocks.values()] }
}

/**
 * Watermarks by what is read: the clock and the inputs; and by the rule where an edit of its
 * inputs left it with another watermark than others that read the same.
 */
export function watermarksOf({ runners, clocks }: Runners): Record<string, number> {
  const lowest = new Map<string, number>()
  for (const { rule, watermarkMs } of clocks) {
    const key = sharedKey(rule)
    lowest.set(key, Math.min(lowest.get(key) ?? Infinity, watermarkMs))
  }
  const found: Record<string, number> = {}
  for (const { rule, clock } of runners) {
    const key = sharedKey(rule)
    const { watermarkMs } = clock
    if (watermarkMs === -Infinity) continue
    found[watermarkMs === lowest.get(key) ? key : ownKey(rule)] = watermarkMs
  }
  return found
}

function readBefore(watermarks: Readonly<Record<string, number>>, rule: Rule): number {
  return watermarks[ownKey(rule)] ?? watermarks[sharedKey(rule)] ?? -Infinity
}

function clockOf(clocks: Map<string, SharedClock>, rule: Rule, watermarkMs: number): SharedClock {
  const key = clockKey(rule, watermarkMs)
  const clock = clocks.get(key) ?? new SharedClock(rule, watermarkMs)
  clocks.set(key, clock)
  return clock
}

function clockKey(rule: Pick<Rule, 'clock' | 'inputs'>, watermarkMs: number): string {
  return JSON.stringify([sharedKey(rule), String(watermarkMs)])
}

function sharedKey({ clock, inputs }: Pick<Rule, 'clock' | 'inputs'>): string {
  return JSON.stringify([clock, ...inputs])
}

function ownKey(rule: Rule): string {
  return JSON.stringify([rule.clock, ...rule.inputs, { rule: rule.id }])
}
