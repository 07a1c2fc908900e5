import { statSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { DURATION_EXPECTED, parseDuration } from '../model/duration.ts'
import { DEFAULT_TIMING } from '../model/partition.ts'
import { Backtest } from '../rules/backtest.ts'
import type { BacktestLine } from '../rules/backtest-lines.ts'
import { createMatcher } from '../rules/matching/plain-matcher.ts'
import { systemClock } from '../system-clock.ts'
import { eachEvent, formatOption } from './events-file.ts'
import type { EventsFormat } from './events-file.ts'
import type { CliIo } from './io.ts'
import { oneLine, reporting } from './problems.ts'
import { Progress } from './progress.ts'
import { loadRules } from './rules-option.ts'

interface BacktestOptions {
  readonly rules: string[]
  readonly events: string
  readonly format: EventsFormat
  readonly reorder: number
  readonly json?: true
}

/** Events between two looks at the clock. */
const LOOK_EVERY = 1_000

/** `tocsin backtest`: what rules would have told about a file of events. */
export function register(program: Command, io: CliIo): void {
  program
    .command('backtest')
    .description('run rules over a file of events in its order and show what they tell')
    .requiredOption('--rules <path...>', 'rule files, or folders with them')
    .requiredOption('--events <file>', 'one JSON object per line, in order of arrival, also .gz')
    .addOption(formatOption())
    .option(
      '--reorder <duration>',
      'how far an event may lie behind a later one before it counts as late',
      duration,
      DEFAULT_TIMING.reorderMs,
    )
    .option('--json', 'print one JSON object per firing and per change of an episode')
    .action((options: BacktestOptions) => reporting(io, () => run(options, io)))
}

async function run(options: BacktestOptions, io: CliIo): Promise<number> {
  const { ruleset, source } = loadRules(options.rules)
  const progress = new Progress(io, { clock: systemClock, unit: 'events' })
  const show = options.json ? JSON.stringify : sentence
  const backtest = new Backtest({
    ruleset,
    matcherFor: (running) => createMatcher(running, undefined, source.fields),
    reorderMs: options.reorder,
    onLine(line) {
      const text = show(line)
      if (text !== undefined) progress.line(text)
    },
  })
  const size = sizeOf(options.events)
  let read = 0
  await eachEvent(
    options.events,
    options.format,
    (view, index) => {
      backtest.event(view)
      if (index % LOOK_EVERY === 0) progress.at(index, size && read / size)
    },
    (bytes) => {
      read = bytes
    },
  )
  backtest.finish()
  progress.clear()
  return 0
}

/** For people: episodes when they are over, and the sum. */
function sentence(line: BacktestLine): string | undefined {
  if (line.type === 'firing') return undefined
  if (line.type === 'summary') {
    const { events, matches, firings, episodes, skipped } = line
    const left = Object.entries(skipped).map(([reason, count]) => `, ${count} skipped: ${reason}`)
    return `${events} events, ${matches} matches, ${firings} firings, ${episodes} episodes${left.join('')}`
  }
  if (line.change !== 'settled') return undefined
  const group = Object.entries(line.group).map(([name, value]) => ` ${name}=${value}`)
  const interval = `${instant(line.start)} to ${instant(line.end)}`
  const figures = `${line.matches} matches, ${line.firings} firings, peak ${line.peak}`
  return `${interval}  ${line.rule}${oneLine(group.join(''))}  ${line.severity}  ${figures}`
}

/** Event times of a file may be anything; only what a calendar can hold is shown as one. */
function instant(ms: number): string {
  return Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : String(ms)
}

/** Bytes of the file, to know how far it is read; `undefined` where reading it will say why. */
function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError(`expected ${DURATION_EXPECTED}`)
  return ms
}
