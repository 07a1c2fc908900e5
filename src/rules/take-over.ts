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
    /** Of rules that were rebuilt: where their time stands. */
    readonly watermarks: Readonly<Record<string, number>>
    readonly formerBuckets: FormerBuckets
    /** Ids of rules that keep nothing of what they had. */
    readonly anew: ReadonlySet<string>
  },
): Runners & { readonly handedBack: readonly SavedBucket[] } {
  const { formerBuckets, no, anew } = options
  const former = new Map(previous.map((runner) => [runner.rule.id, runner]))
  const clocks = new Map<string, SharedClock>()
  const runners = rules.map((rule) => {
    const candidate = former.get(rule.id)
    const isKept = candidate?.rule.stateHash === rule.stateHash && !anew.has(rule.id)
    const kept = isKept ? candidate : undefined
    if (kept !== undefined) former.delete(rule.id)
    const watermarkMs = kept?.clock.watermarkMs ?? readBefore(options.watermarks, rule)
    const runner = new RuleRunner(rule, clockOf(clocks, rule, watermarkMs), options, kept)
    if (kept === undefined) {
      const name = { ruleId: rule.id, stateHash: rule.stateHash }
      for (const bucket of formerBuckets.take(name, RULE_BUCKET + 1)) runner.disown(bucket)
    }
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
  const key = JSON.stringify([sharedKey(rule), String(watermarkMs)])
  const clock = clocks.get(key) ?? new SharedClock(rule, watermarkMs)
  clocks.set(key, clock)
  return clock
}

function sharedKey({ clock, inputs }: Pick<Rule, 'clock' | 'inputs'>): string {
  return JSON.stringify([clock, ...inputs])
}

function ownKey(rule: Rule): string {
  return JSON.stringify([rule.clock, ...rule.inputs, { rule: rule.id }])
}
