import type { Command } from 'commander'
import { createIndexedMatcher } from '../rules/matching/indexed-matcher.ts'
import { runRuleTest } from '../rules/rule-test.ts'
import { systemClock } from '../system-clock.ts'
import { counted } from './counted.ts'
import type { CliIo } from './io.ts'
import { oneLine, reporting } from './problems.ts'
import { Progress } from './progress.ts'
import { loadRules } from './rules-option.ts'

/** `tocsin test`: runs the `tests:` of rules on a virtual clock. */
export function register(program: Command, io: CliIo): void {
  program
    .command('test')
    .description('run the tests that rules bring with them')
    .argument('<path...>', 'rule files, or folders with them')
    .option('--json', 'print one JSON object per test')
    .action((paths: string[], options: { json?: true }) =>
      reporting(io, async () => run(paths, options.json ?? false, io)),
    )
}

function run(paths: readonly string[], json: boolean, io: CliIo): number {
  const { ruleset, source } = loadRules(paths)
  const cases = ruleset.rules.flatMap((rule) => rule.tests.map((test) => ({ rule, test })))
  const progress = new Progress(io, { clock: systemClock, unit: 'tests' })
  let failed = 0
  for (const [done, { rule, test }] of cases.entries()) {
    progress.at(done, done / cases.length)
    const result = runRuleTest(rule, test, {
      matcherFor: (running) => createIndexedMatcher(running, undefined, source.fields),
    })
    if (!result.ok) failed++
    if (json) {
      progress.line(JSON.stringify({ type: 'test', ...result }))
      continue
    }
    const name = `${result.rule}: ${oneLine(result.name)}`
    progress.line(result.ok ? `ok    ${name}` : `FAIL  ${name} (${test.file}:${test.line})`)
    if (!result.ok) progress.line(`      ${oneLine(result.message, 2_000)}`)
  }
  progress.clear()
  const tests = cases.length
  if (json) io.out(JSON.stringify({ type: 'summary', tests, failed }))
  else io.out(tests === 0 ? 'no rule brings a test' : `${counted(tests, 'test')}, ${failed} failed`)
  return failed > 0 ? 1 : 0
}
