import type { Configured } from './configured.ts'
import type { RuleView } from './http/options.ts'
import type { Problem } from './model/problem.ts'

/** The rules in force with the checker's warnings beside the rule they stand in. */
export function ruleViews(configured: Configured, warnings: readonly Problem[]): RuleView[] {
  const { rules } = configured.ruleset
  return rules.map(({ id, title, severity, mode, file, line }, i) => {
    const next = rules[i + 1]
    const end = next?.file === file ? next.line : Number.POSITIVE_INFINITY
    const problems = warnings.filter(
      (warning) => warning.file === file && isWithin(warning.line ?? 0, line, end),
    )
    return { id, title, severity, mode, file, line, problems }
  })
}

function isWithin(line: number, start: number, end: number): boolean {
  return line >= start && line < end
}
