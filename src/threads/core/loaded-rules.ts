import { compileRuleset, rulesetHash } from '../../config/ruleset.ts'
import { canonicalJson } from '../../lib/canonical.ts'
import { DEFAULT_TIMING } from '../../model/partition.ts'
import type { InputTiming } from '../../model/partition.ts'
import { ProblemError } from '../../model/problem.ts'
import type { RulesetSource } from '../../model/ruleset.ts'
import type { Matcher } from '../../rules/matching/matcher.ts'
import { createIndexedMatcher } from '../../rules/matching/indexed-matcher.ts'
import type { CompiledRuleset, Rule } from '../../rules/rule.ts'
import type { Objective } from '../../slo/objective.ts'

/** A rule set ready to run in this thread, with a matcher per input made when first asked for. */
export class LoadedRules {
  readonly source: RulesetSource
  readonly ruleset: CompiledRuleset
  readonly objectives: readonly Objective[]
  readonly #matchers = new Map<string, Matcher>()
  readonly #byId: ReadonlyMap<string, Rule>

  /** Throws a {@link ProblemError} when the source has an error; warnings pass. */
  constructor(source: RulesetSource) {
    const { ruleset, objectives, problems } = compileRuleset(source)
    const errors = problems.filter((problem) => problem.severity === 'error')
    if (errors.length > 0) throw new ProblemError(errors)
    this.source = source
    this.ruleset = ruleset
    this.objectives = objectives
    this.#byId = new Map(ruleset.rules.map((rule) => [rule.id, rule]))
  }

  get hash(): string {
    return this.ruleset.hash
  }

  /** Names of the inputs that are configured. */
  get inputs(): readonly string[] {
    return Object.keys(this.source.inputs)
  }

  matcher(input: string): Matcher {
    let matcher = this.#matchers.get(input)
    if (matcher === undefined) {
      matcher = createIndexedMatcher(this.ruleset, input, this.source.fields)
      this.#matchers.set(input, matcher)
    }
    return matcher
  }

  rule(id: string): Rule | undefined {
    return this.#byId.get(id)
  }

  timing(input: string): InputTiming {
    return this.source.inputs[input] ?? DEFAULT_TIMING
  }

  /** What the store keeps under the hash; {@link parseRules} reads it back. */
  content(): string {
    return canonicalJson(this.source)
  }
}

/** A rule set with nothing in it: before the first activation. */
export const NO_RULES: RulesetSource = { documents: [], inputs: {}, fields: {} }

/** Reads back what {@link LoadedRules.content} wrote. */
export function parseRules(content: string, load: LoadRules = compile): LoadedRules {
  return load(JSON.parse(content) as RulesetSource)
}

const compile: LoadRules = (source) => new LoadedRules(source)

/** Compiles a rule set, or finds it compiled. */
export type LoadRules = (source: RulesetSource) => LoadedRules

/**
 * Remembers the set it compiled last: a start compiles what the log says was in force, and is then
 * nearly always told to activate the same.
 */
export function loadRulesOnce(): LoadRules {
  let last: LoadedRules | undefined
  return (source) => {
    if (last?.hash !== rulesetHash(source)) last = new LoadedRules(source)
    return last
  }
}
