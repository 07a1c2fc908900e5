import type { Command } from 'commander'
import { ConditionCompiler } from '../rules/matching/compile-condition.ts'
import { eachEvent, formatOption, type EventsFormat } from './events-file.ts'
import type { CliIo } from './io.ts'
import { oneLine, reporting } from './problems.ts'
import { loadRules } from './rules-option.ts'

interface MatchOptions {
  readonly rules: string[]
  readonly events: string
  readonly format: EventsFormat
  readonly json?: true
}

/** `tocsin match`: which rules' conditions each event of a file satisfies. */
export function register(program: Command, io: CliIo): void {
  program
    .command('match')
    .description('show which events of a file satisfy the condition of which rules')
    .requiredOption('--rules <path...>', 'rule files, or folders with them')
    .requiredOption('--events <file>', 'one JSON object per line, also .gz')
    .addOption(formatOption())
    .option('--json', 'print one JSON object per event with a match')
    .action((options: MatchOptions) => reporting(io, () => match(options, io)))
}

async function match(options: MatchOptions, io: CliIo): Promise<number> {
  const { ruleset, source } = loadRules(options.rules)
  const compiler = new ConditionCompiler(source.fields)
  const rules = ruleset.rules.map(({ id, condition }) => ({
    id,
    test: compiler.compile(condition),
  }))
  const reader = compiler.reader()
  let hits = 0
  const events = await eachEvent(options.events, options.format, (view, event) => {
    reader.start(view)
    const ids = rules.filter((rule) => rule.test(reader)).map((rule) => rule.id)
    if (ids.length === 0) return
    hits++
    if (options.json) io.out(JSON.stringify({ event, rules: ids }))
    else io.out(`${event}  ${ids.join(', ')}  ${oneLine(String(view.get('message') ?? ''))}`)
  })
  if (!options.json) io.out(`${hits} of ${events} events match one of ${rules.length} rules`)
  return 0
}
