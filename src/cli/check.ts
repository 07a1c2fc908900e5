import type { Command } from 'commander'
import { readRuleFiles } from '../config/rule-files.ts'
import { compileRuleset } from '../config/ruleset.ts'
import { counted } from './counted.ts'
import type { CliIo } from './io.ts'
import { printProblem, reporting } from './problems.ts'
import { nothingAt } from './rules-option.ts'

/** `tocsin check`: reads rule files as the service would and prints what is wrong with them. */
export function register(program: Command, io: CliIo): void {
  program
    .command('check')
    .description('check rule files: every problem with file, line and column')
    .argument('<path...>', 'rule files, or folders with them')
    .option('--json', 'print one JSON object per problem')
    .action((paths: string[], options: { json?: true }) =>
      reporting(io, async () => check(paths, options.json ?? false, io)),
    )
}

function check(paths: readonly string[], json: boolean, io: CliIo): number {
  const files = readRuleFiles(paths)
  const {
    ruleset,
    objectives,
    problems: found,
  } = compileRuleset({
    documents: files.documents,
    inputs: {},
    fields: {},
  })
  const problems = [...files.problems, ...found]
  if (files.documents.length === 0 && problems.length === 0) problems.push(nothingAt(paths))
  for (const problem of problems) printProblem(io, problem, json)
  const errors = problems.filter((problem) => problem.severity === 'error').length
  if (!json) {
    const rules = counted(ruleset.rules.length, 'good rule')
    const slos = counted(objectives.length, 'good objective')
    const read = counted(files.documents.length, 'file')
    const wrong = `${counted(errors, 'error')}, ${counted(problems.length - errors, 'warning')}`
    io.out(`${read}: ${rules}, ${slos}; ${wrong}`)
  }
  if (problems.some((problem) => problem.code === 'unreadable')) return 2
  return errors > 0 ? 1 : 0
}
