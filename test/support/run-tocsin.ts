import { run } from '../../src/cli/program.ts'
import type { Runtime } from '../../src/cli/runtime.ts'

export interface CliRun {
  readonly code: number
  /** Lines of standard output and of standard error. */
  readonly out: readonly string[]
  readonly err: readonly string[]
}

/** What `tocsin ARGS…` prints and its exit code, in this process: the whole command line, no child. */
export async function runTocsin(...args: readonly string[]): Promise<CliRun> {
  const out: string[] = []
  const err: string[] = []
  let code = 0
  const io = {
    out: (text: string) => void out.push(...text.split('\n')),
    err: (text: string) => void err.push(...text.split('\n')),
    isTerminal: false,
    env: {},
    exit: (exitCode: number) => void (code = exitCode),
  }
  await run(args, io, RUNTIME)
  return { code, out, err }
}

/** Commands that end at once ask nothing of it. */
const RUNTIME: Runtime = {
  env: {},
  owner: 'test',
  version: '0.0.0-test',
  cwd: '.',
  onSignal: refuse,
  status: refuse,
  sleep: refuse,
  deadline: refuse,
  end: refuse,
}

function refuse(): never {
  throw new Error('a command of this test asked for what only a long-running one needs')
}
