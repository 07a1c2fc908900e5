import { readRuleFiles } from '../config/rule-files.ts'
import { compileRuleset, type RulesetResult } from '../config/ruleset.ts'
import { ProblemError, type Problem } from '../model/problem.ts'
import type { RulesetSource } from '../model/ruleset.ts'

/** What rules are read with: where nothing is told, fields have Graylog's types. */
export type RulesContext = Pick<RulesetSource, 'inputs' | 'fields'>

/**
 * Reads and compiles the rules that the paths name, by default without the service's settings: no
 * inputs are known. Throws a `ProblemError` with everything that is wrong: a path that cannot be
 * read, no rule file at all, an error in a rule.
 */
export function loadRules(
  paths: readonly string[],
  context: RulesContext = { inputs: {}, fields: {} },
): RulesetResult & { readonly source: RulesetSource } {
  const { documents, problems } = readRuleFiles(paths)
  if (problems.length > 0) throw new ProblemError(problems)
  if (documents.length === 0) throw new ProblemError([nothingAt(paths)])
  const { inputs, fields } = context
  const source: RulesetSource = { documents, inputs, fields }
  const result = compileRuleset(source)
  const errors = result.problems.filter((problem) => problem.severity === 'error')
  if (errors.length > 0) throw new ProblemError(errors)
  return { ...result, source }
}

/** A wrong folder must not look like a good one. */
export function nothingAt(paths: readonly string[]): Problem {
  const message = 'no rule file (.yaml, .yml) is there'
  return { code: 'unreadable', severity: 'error', message, file: paths.join(' ') }
}
