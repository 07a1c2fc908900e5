import { counted } from './counted.ts'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { DURATION_EXPECTED, parseDuration } from '../model/duration.ts'
import { ProblemError } from '../model/problem.ts'
import { BacktestDiff } from '../rules/backtest-diff.ts'
import type { BacktestLine, SummaryLine } from '../rules/backtest-lines.ts'
import { systemClock } from '../system-clock.ts'
import { differenceTable, sentence } from './backtest-sentences.ts'
import { fileSource, journalSource } from './backtest-source.ts'
import type { BacktestSource, Side } from './backtest-source.ts'
import { formatOption } from './events-file.ts'
import type { EventsFormat } from './events-file.ts'
import { instantReader } from './instant.ts'
import type { CliIo } from './io.ts'
import { reporting } from './problems.ts'
import { Progress } from './progress.ts'
import { loadRules } from './rules-option.ts'

interface BacktestOptions {
  readonly rules: string[]
  readonly against?: string[]
  readonly events?: string
  readonly format: EventsFormat
  readonly from?: number
  readonly to?: number
  readonly data?: string
  readonly config?: string
  readonly reorder?: number
  readonly json?: true
}

/** `tocsin backtest`: what rules would have told about events of a file or of the journal. */
export function register(program: Command, io: CliIo): void {
  const time = instantReader(systemClock)
  program
    .command('backtest')
    .description('run rules over a file of events, or over the journal, and show what they tell')
    .requiredOption('--rules <path...>', 'rule files, or folders with them')
    .option('--against <path...>', 'older rules: show only what is told otherwise than by them')
    .option('--events <file>', 'one JSON object per line, in order of arrival, also .gz')
    .addOption(formatOption())
    .option(
      '--from <time>',
      'what the journal received since then: RFC 3339, or how long ago',
      time,
    )
    .option('--to <time>', 'end of the range (not in it); default now', time)
    .option('--data <folder>', 'data folder with the journal; default as the configuration says')
    .option('-c, --config <file>', 'configuration of the service (default: tocsin.yaml)')
    .option(
      '--reorder <duration>',
      'how far an event may lie behind a later one before it counts as late (default: 5s, or as ' +
        'the configuration says)',
      duration,
    )
    .option('--json', 'print one JSON object per firing and per change of an episode')
    .action((options: BacktestOptions) => reporting(io, () => run(options, io)))
}

function run(options: BacktestOptions, io: CliIo): Promise<number> {
  const source = sourceOf(options, io)
  const progress = new Progress(io, { clock: systemClock, unit: 'events' })
  return options.against === undefined
    ? tell(options, source, progress)
    : compare(options, options.against, source, progress)
}

async function tell(
  options: BacktestOptions,
  source: BacktestSource,
  progress: Progress,
): Promise<number> {
  const show = options.json ? JSON.stringify : sentence
  const onLine = (line: BacktestLine): void => {
    const text = show(line)
    if (text !== undefined) progress.line(text)
  }
  await source.run([{ ...loadRules(options.rules, source.context), onLine }], progress)
  progress.clear()
  return 0
}

async function compare(
  options: BacktestOptions,
  against: readonly string[],
  source: BacktestSource,
  progress: Progress,
): Promise<number> {
  const fresh = loadRules(options.rules, source.context)
  const old = loadRules(against, source.context)
  const diff = new BacktestDiff({ old: old.ruleset, new: fresh.ruleset })
  let summary: SummaryLine | undefined
  const sides: readonly Side[] = [
    { ...old, onLine: (line) => diff.take('old', line) },
    {
      ...fresh,
      onLine(line) {
        if (line.type === 'summary') summary = line
        diff.take('new', line)
      },
    },
  ]
  await source.run(sides, progress)
  progress.clear()
  const differences = diff.finish()
  const counts = { gained: 0, lost: 0, moved: 0 }
  for (const { kind } of differences) counts[kind]++
  const lines = options.json
    ? differences.map((line) => JSON.stringify(line))
    : differenceTable(differences)
  for (const line of lines) progress.line(line)
  const { gained, lost, moved } = counts
  const total = `${gained} gained, ${lost} lost, ${moved} moved`
  progress.line(
    options.json
      ? JSON.stringify({ ...summary, ...counts })
      : `${counted(summary?.events ?? 0, 'event')}, ${counted(summary?.episodes ?? 0, 'episode')}: ${total}`,
  )
  return differences.length === 0 ? 0 : 1
}

/** Exactly one of the two sources, with the options that belong to it. */
function sourceOf(options: BacktestOptions, io: CliIo): BacktestSource {
  const { events, from, to, data, config, format, reorder } = options
  if (events !== undefined) {
    const others = { '--from': from, '--to': to, '--data': data, '--config': config }
    for (const [name, value] of Object.entries(others)) {
      if (value !== undefined)
        throw wrongUse(`"${name}" is for the journal, "--events" names a file`)
    }
    return fileSource({ file: events, format, reorderMs: reorder })
  }
  if (from === undefined) {
    throw wrongUse('expected "--events FILE", or "--from T --to T" for what the journal received')
  }
  const range = { fromMs: from, toMs: to ?? systemClock() }
  if (range.fromMs >= range.toMs) throw wrongUse('"--from" must lie before "--to"')
  return journalSource({ range, data, config, reorderMs: reorder, io })
}

function wrongUse(message: string): ProblemError {
  return new ProblemError([{ code: 'usage', severity: 'error', message }])
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError(`expected ${DURATION_EXPECTED}`)
  return ms
}
