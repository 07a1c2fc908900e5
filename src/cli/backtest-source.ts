import { statSync } from 'node:fs'
import type { Effects } from '../model/commit.ts'
import { DEFAULT_TIMING } from '../model/partition.ts'
import type { InputTiming } from '../model/partition.ts'
import { formatProblem, ProblemError } from '../model/problem.ts'
import { readSettings } from '../configured.ts'
import { Backtest } from '../rules/backtest.ts'
import { BacktestLines } from '../rules/backtest-lines.ts'
import type { BacktestLine } from '../rules/backtest-lines.ts'
import { createIndexedMatcher } from '../rules/matching/indexed-matcher.ts'
import { LoadedRules } from '../threads/core/loaded-rules.ts'
import { eachEvent } from './events-file.ts'
import type { EventsFormat } from './events-file.ts'
import type { CliIo } from './io.ts'
import { runOverJournal } from './journal-backtest.ts'
import type { JournalRange } from './journal-events.ts'
import { LogRun } from './log-run.ts'
import type { Progress } from './progress.ts'
import type { loadRules, RulesContext } from './rules-option.ts'

/** A rule set that is run, and where its lines go. */
export type Side = ReturnType<typeof loadRules> & {
  readonly onLine: (line: BacktestLine) => void
}

/** Where the events of a backtest come from. */
export interface BacktestSource {
  /** What the rules are read with. */
  readonly context: RulesContext
  /** Runs all sides over the events in one pass, until each has told its summary. */
  run(sides: readonly Side[], progress: Progress): Promise<void>
}

/** Events between two looks at the clock. */
const LOOK_EVERY = 1_000

/** A file in order of arrival; every rule sees every event, whatever its `from`. */
export function fileSource(options: {
  readonly file: string
  readonly format: EventsFormat
  readonly reorderMs: number | undefined
}): BacktestSource {
  const { file, format, reorderMs = DEFAULT_TIMING.reorderMs } = options
  return {
    context: { inputs: {}, fields: {} },
    async run(sides, progress) {
      const backtests = sides.map(
        ({ ruleset, source, onLine }) =>
          new Backtest({
            ruleset,
            matcherFor: (running) => createIndexedMatcher(running, undefined, source.fields),
            reorderMs,
            onLine,
          }),
      )
      const size = statSync(file, { throwIfNoEntry: false })?.size
      let read = 0
      await eachEvent(
        file,
        format,
        (view, index) => {
          for (const backtest of backtests) backtest.event(view)
          if (index % LOOK_EVERY === 0) progress.at(index, size && read / size)
        },
        (bytes) => {
          read = bytes
        },
      )
      for (const backtest of backtests) backtest.finish()
    },
  }
}

/** What a service's journal received in a range, as its inputs are configured. */
export function journalSource(options: {
  readonly range: JournalRange
  readonly data: string | undefined
  readonly config: string | undefined
  readonly reorderMs: number | undefined
  readonly io: CliIo
}): BacktestSource {
  const { range, reorderMs, io } = options
  const { data, context } = serviceOf(options)
  const timing = (input: string): InputTiming => {
    const { idleAfterMs, ...known } = context.inputs[input] ?? DEFAULT_TIMING
    return { idleAfterMs, reorderMs: reorderMs ?? known.reorderMs }
  }
  return {
    context,
    async run(sides, progress) {
      for (const problem of sides.flatMap(({ problems }) => problems)) {
        // A rule that reads no input tells nothing: that must not look like a good answer.
        if (problem.code === 'unknown-input') io.err(formatProblem(problem))
      }
      const runs = sides.map((side) => new ToldRun(side, timing))
      const onWarning = (message: string): void => {
        progress.clear()
        io.err(formatProblem({ code: 'journal', severity: 'warning', message }))
      }
      const onProgress = (events: number, share: number): void => {
        for (const run of runs) run.release()
        progress.at(events, share)
      }
      const events = await runOverJournal(
        { data, range, timing, onWarning, onProgress },
        runs.map(({ run }) => run),
      )
      for (const run of runs) run.finish(events)
    },
  }
}

/** A run whose effects become the lines of a backtest. */
class ToldRun {
  readonly run: LogRun
  readonly #lines: BacktestLines

  constructor({ source, onLine }: Side, timing: (input: string) => InputTiming) {
    this.#lines = new BacktestLines(onLine, { namesPartition: true })
    this.run = new LogRun({
      rules: new LoadedRules(source),
      timing,
      onEffects: (effects: Effects) => this.#lines.tell(effects),
      onFiring: this.#lines.onFiring,
    })
  }

  release(): void {
    this.#lines.release(this.run.finalMs)
  }

  finish(events: number): void {
    this.#lines.finish({ events, matches: this.run.matches })
  }
}

/** The data folder, and the inputs and fields where a configuration tells them. */
function serviceOf(options: {
  readonly data: string | undefined
  readonly config: string | undefined
  readonly io: CliIo
}): { readonly data: string; readonly context: RulesContext } {
  const { data, config, io } = options
  if (data !== undefined && config === undefined) {
    return { data, context: { inputs: {}, fields: {} } }
  }
  const { settings, problems } = readSettings(config ?? 'tocsin.yaml', io.env ?? {})
  if (settings === undefined) throw new ProblemError(problems)
  const context = { inputs: settings.inputs, fields: settings.config.fields }
  return { data: data ?? settings.data, context }
}
