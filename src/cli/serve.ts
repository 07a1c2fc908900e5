import type { Command } from 'commander'

import { createApp } from '../app.ts'
import type { App } from '../app.ts'
import { readConfigured } from '../configured.ts'
import { FencedError, InvariantError } from '../model/commit.ts'
import { DURATION_EXPECTED, parseDuration } from '../model/duration.ts'
import { formatProblem, ProblemError } from '../model/problem.ts'
import { untilSilent } from '../standby.ts'
import { watchActivity } from '../store/sqlite/activity.ts'
import { systemClock, systemTimers } from '../system-clock.ts'
import { databaseFile } from '../threads/thread-settings.ts'
import type { CliIo } from './io.ts'
import type { Runtime } from './runtime.ts'

/** `tocsin serve`: runs the service until SIGTERM or SIGINT; SIGHUP reloads. */
export function register(program: Command, io: CliIo, runtime: Runtime): void {
  program
    .command('serve')
    .description('run the service with a configuration')
    .option('-c, --config <file>', 'configuration file', 'tocsin.yaml')
    .option(
      '--standby',
      'wait until the process that owns the data folder is silent, then take over',
    )
    .option('--takeover-after <duration>', 'how long silent, with --standby', '25s')
    .action(async (options: ServeOptions) => {
      const { code, isWhole } = await serve(options, io, runtime)
      // Whatever could not be closed would keep the process, and with it the ports, for ever.
      if (isWhole) io.exit(code)
      else runtime.end(code)
    })
}

interface Outcome {
  /** 0 stopped as asked, 2 refused to start, 70 failed: start it again, 71 another owner took over. */
  readonly code: number
  /** Everything that was opened is closed. */
  readonly isWhole: boolean
}

interface ServeOptions {
  readonly config: string
  readonly standby?: boolean
  readonly takeoverAfter: string
}

async function serve(options: ServeOptions, io: CliIo, runtime: Runtime): Promise<Outcome> {
  const { config: configFile } = options
  const app = createApp({
    configFile,
    env: runtime.env,
    clock: systemClock,
    timers: systemTimers,
    random: Math.random,
    threads: 'workers',
    log: { write: (line) => io.out(line.trimEnd()) },
    owner: runtime.owner,
    version: runtime.version,
  })
  // Before the start: whoever reads "ready" may send a signal at once.
  runtime.onSignal('SIGHUP', () => app.reload())
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      runtime.onSignal(signal, () => resolve('stopped'))
    }
  })
  if (options.standby === true) {
    const code = await standBy(options, { io, runtime, stopped })
    if (code !== undefined) return { code, isWhole: true }
  }
  try {
    // A start that is not wanted any more is left where it is: a kill would do the same.
    const first = await Promise.race([app.start(), stopped])
    if (first === 'stopped') return { code: 0, isWhole: false }
  } catch (error) {
    if (error instanceof ProblemError) {
      for (const problem of error.problems) io.err(formatProblem(problem))
      io.err(`${configFile} has problems: not started`)
    } else {
      io.err(`not started: ${(error as Error).message}`)
    }
    // Nothing that a person has to put right first: whoever supervises it starts it again.
    if (error instanceof InvariantError) return { code: 70, isWhole: true }
    return { code: 2, isWhole: true }
  }
  const reason = await Promise.race([stopped, app.failed])
  const isWhole = await isStopped(app, io, runtime)
  if (reason !== 'stopped') io.err(`stopped: ${reason.message}`)
  const failure = reason instanceof FencedError ? 71 : 70
  return { code: reason === 'stopped' && isWhole ? 0 : failure, isWhole }
}

/** Resolves when it is time to take over, or with the exit code when it never will be. */
async function standBy(
  { config, takeoverAfter }: ServeOptions,
  { io, runtime, stopped }: { io: CliIo; runtime: Runtime; stopped: Promise<'stopped'> },
): Promise<number | undefined> {
  const silentMs = parseDuration(takeoverAfter)
  if (silentMs === undefined || silentMs < 1_000) {
    io.err(`--takeover-after ${takeoverAfter}: expected ${DURATION_EXPECTED}, at least 1s`)
    return 2
  }
  const { configured, problems } = readConfigured(config, runtime.env)
  if (configured === undefined) {
    for (const problem of problems) io.err(formatProblem(problem))
    return 2
  }
  const abort = new AbortController()
  void stopped.then(() => abort.abort())
  const activity = watchActivity(databaseFile(configured))
  io.err(`standing by: takes over when nobody commits to ${configured.data} for ${takeoverAfter}`)
  const isSilent = await untilSilent({
    read: () => activity.read(),
    silentMs,
    sleep: (ms) => runtime.sleep(ms),
    signal: abort.signal,
  })
  activity.close()
  return isSilent ? undefined : 0
}

/** Closes everything, and says what did not close in time or by a failure. */
async function isStopped(app: App, io: CliIo, runtime: Runtime): Promise<boolean> {
  try {
    const deadline = runtime.deadline(STOP_DEADLINE_MS).then(() => false)
    if (await Promise.race([app.stop().then(() => true), deadline])) return true
    io.err(`not everything closed within ${STOP_DEADLINE_MS / 1_000} s: ended all the same`)
  } catch (error) {
    const causes = error instanceof AggregateError ? error.errors : [error]
    for (const cause of causes as Error[]) io.err(`${cause.message}: ${String(cause.cause)}`)
  }
  return false
}

/** What cannot be closed by then is left to the next start, which picks up where the log ends. */
const STOP_DEADLINE_MS = 10_000
