import { readRuleFiles } from '../config/rule-files.ts'
import { compileRuleset, type RulesetResult } from '../config/ruleset.ts'
import { ProblemError, type Problem } from '../model/problem.ts'
import type { RulesetSource } from '../model/ruleset.ts'

/**
 * Reads and compiles the rules that the paths name, without the service's settings: no inputs are
 * known and fields have Graylog's types. Throws a `ProblemError` when a path cannot be read or no
 * rule file is there; problems of the rules are in the result.
 */
export function loadRules(
  paths: readonly string[],
): RulesetResult & { readonly source: RulesetSource } {
  const { documents, problems } = readRuleFiles(paths)
  if (problems.length > 0) throw new ProblemError(problems)
  if (documents.length === 0) {
    const message = 'no rule file (.yaml, .yml) is there'
    const nothing: Problem = {
      code: 'unreadable',
      severity: 'error',
      message,
      file: paths.join(' '),
    }
    throw new ProblemError([nothing])
  }
  const source: RulesetSource = { documents, inputs: {}, fields: {} }
  return { ...compileRuleset(source), source }
}

/** The same, where rules with an error are of no use: throws with every error. */
export function loadGoodRules(
  paths: readonly string[],
): RulesetResult & { readonly source: RulesetSource } {
  const loaded = loadRules(paths)
  const errors = loaded.problems.filter((problem) => problem.severity === 'error')
  if (errors.length > 0) throw new ProblemError(errors)
  return loaded
}
