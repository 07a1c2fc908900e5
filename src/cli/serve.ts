import type { Command } from 'commander'

import { createApp } from '../app.ts'
import { FencedError } from '../model/commit.ts'
import { formatProblem, ProblemError } from '../model/problem.ts'
import { systemClock, systemTimers } from '../system-clock.ts'
import type { CliIo } from './io.ts'
import type { Runtime } from './runtime.ts'

/** `tocsin serve`: runs the service until SIGTERM or SIGINT; SIGHUP reloads. */
export function register(program: Command, io: CliIo, runtime: Runtime): void {
  program
    .command('serve')
    .description('run the service with a configuration')
    .option('-c, --config <file>', 'configuration file', 'tocsin.yaml')
    .action(async ({ config }: { config: string }) => {
      io.exit(await serve(config, io, runtime))
    })
}

/** Exit code: 0 after a clean stop, 2 refused to start, 70 failed, 71 another owner took over. */
async function serve(configFile: string, io: CliIo, runtime: Runtime): Promise<number> {
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
  try {
    await app.start()
  } catch (error) {
    if (error instanceof ProblemError) {
      for (const problem of error.problems) io.err(formatProblem(problem))
      io.err(`${configFile} has problems: not started`)
    } else {
      io.err(`not started: ${(error as Error).message}`)
    }
    return 2
  }
  runtime.onSignal('SIGHUP', () => app.reload())
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      runtime.onSignal(signal, () => resolve('stopped'))
    }
  })
  const reason = await Promise.race([stopped, app.failed])
  await Promise.race([app.stop(), runtime.deadline(STOP_DEADLINE_MS)])
  if (reason === 'stopped') return 0
  io.err(`stopped: ${reason.message}`)
  return reason instanceof FencedError ? 71 : 70
}

/** What cannot be closed by then is left to the next start, which picks up where the log ends. */
const STOP_DEADLINE_MS = 10_000
