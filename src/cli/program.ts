import { Command, CommanderError } from 'commander'

import type { CliIo } from './io.ts'
import type { Runtime } from './runtime.ts'
import { register as backtest } from './backtest.ts'
import { register as check } from './check.ts'
import { register as demo } from './demo.ts'
import { register as gaps } from './gaps.ts'
import { register as graylog } from './graylog.ts'
import { register as incidents } from './incidents.ts'
import { register as init } from './init.ts'
import { register as match } from './match.ts'
import { register as query } from './query.ts'
import { register as rules } from './rules.ts'
import { register as serve } from './serve.ts'
import { register as test } from './test.ts'

/** Exit code for wrong use (design §9). */
const WRONG_USE = 2

/** Every command of the command line, one file each. */
export async function run(args: readonly string[], io: CliIo, runtime: Runtime): Promise<void> {
  const program = new Command('tocsin')
    .description('Log-driven incident detection beside Graylog')
    .version(runtime.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    })
    .showSuggestionAfterError()
  for (const register of [
    check,
    test,
    query,
    match,
    backtest,
    init,
    incidents,
    rules,
    gaps,
    graylog,
  ]) {
    register(program, io)
  }
  serve(program, io, runtime)
  demo(program, io, runtime)
  inheritSettings(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    io.exit(error.exitCode === 0 ? 0 : WRONG_USE)
  }
}

/** Subcommands made by `command()` take the parent's settings only when told (commander 15). */
function inheritSettings(program: Command): void {
  for (const command of program.commands) {
    command.copyInheritedSettings(program)
    inheritSettings(command)
  }
}
