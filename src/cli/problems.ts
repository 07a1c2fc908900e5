import { formatProblem, ProblemError, type Problem } from '../model/problem.ts'
import type { CliIo } from './io.ts'

/** One problem, as a JSON line or as compilers write it. */
export function printProblem(
  io: CliIo,
  problem: Problem,
  json: boolean,
  extra: Readonly<Record<string, unknown>> = {},
): void {
  const { file, line, column, code, severity, message } = problem
  const shown = { type: 'problem', ...extra, file, line, column, code, severity, message }
  io.out(json ? JSON.stringify(shown) : formatProblem(problem))
}

/**
 * Runs a command's work; what a person got wrong (a `ProblemError`) is printed on the error
 * channel and ends with code 2.
 */
export async function reporting(io: CliIo, work: () => Promise<number>): Promise<void> {
  try {
    io.exit(await work())
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    for (const problem of error.problems) io.err(formatProblem(problem))
    io.exit(2)
  }
}

/** Text from an event on one line of a terminal: control characters become blanks. */
export function oneLine(text: string, max = 160): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}
