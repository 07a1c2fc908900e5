import { Command } from 'commander'
import type { CliIo } from '../../src/cli/io.ts'

export interface Captured {
  readonly out: string[]
  readonly err: string[]
  readonly codes: number[]
}

/** Runs one command as the command line would and keeps what it said. */
export async function runCommand(
  register: (program: Command, io: CliIo) => void,
  ...args: readonly string[]
): Promise<Captured> {
  const captured: Captured = { out: [], err: [], codes: [] }
  const io: CliIo = {
    out: (line) => void captured.out.push(line),
    err: (line) => void captured.err.push(line),
    isTerminal: false,
    exit: (code) => void captured.codes.push(code),
  }
  const program = new Command('tocsin').exitOverride()
  program.configureOutput({
    writeErr: (text) => io.err(text.trimEnd()),
    writeOut: (text) => io.out(text.trimEnd()),
  })
  register(program, io)
  for (const command of program.commands) command.copyInheritedSettings(program)
  await program.parseAsync([...args], { from: 'user' })
  return captured
}

/** The lines of `--json`. */
export function jsonLines(captured: Captured): Record<string, unknown>[] {
  return captured.out.map((line) => JSON.parse(line) as Record<string, unknown>)
}
