/** Runs the real command line as a process of its own, the way a user does. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

export interface CliResult {
  readonly code: number | null
  /** Lines of standard output. */
  readonly out: readonly string[]
  /** Standard error, whole. */
  readonly err: string
}

/** Resolves with what `tocsin ARGS…` printed and its exit code; Node's own warnings left out. */
export function runCli(...args: readonly string[]): Promise<CliResult> {
  const child = spawn(process.execPath, ['--no-warnings', MAIN, ...args])
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const text = Buffer.concat(out).toString()
      const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
      resolve({ code, out: lines, err: Buffer.concat(err).toString() })
    })
  })
}

/** The lines of a `--json` run as objects; throws when it did not end with code 0. */
export async function jsonOfCli<T>(...args: readonly string[]): Promise<T[]> {
  const { code, out, err } = await runCli(...args, '--json')
  if (code !== 0) throw new Error(`tocsin ${args.join(' ')} ended with ${code}: ${err}`)
  return out.map((line) => JSON.parse(line) as T)
}
