/** Runs the real service as a process of its own, the way a user does, and stops it as asked. */
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

export interface RunningService {
  readonly pid: number
  /** Base address of API and page. */
  readonly url: string
  /** Port of an input by name. */
  readonly ports: Readonly<Record<string, number>>
  /** Everything it logged so far, one parsed object per line. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
  /** What it wrote to standard error. */
  readonly errors: () => string
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>
  /** Sends the signal and resolves with the exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
  signal(signal: NodeJS.Signals): void
}

/** A folder with `tocsin.yaml` and rules for a service of a test. */
export function serviceFolder(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-service-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Starts `tocsin serve` in a folder and resolves once it says that it is ready. */
export async function startService(
  folder: string,
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<RunningService> {
  const args = [MAIN, 'serve', '-c', join(folder, 'tocsin.yaml'), ...options]
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } })
  const log: Record<string, unknown>[] = []
  const exited = new Promise<number | string>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const ready = await readyLine(child, log, () => errors)
  const { http, inputs } = ready as {
    http: { host: string; port: number }
    inputs: { name: string; port: number }[]
  }
  return {
    pid: child.pid!,
    url: `http://${http.host}:${http.port}`,
    ports: Object.fromEntries(inputs.map(({ name, port }) => [name, port])),
    log,
    errors: () => errors,
    exited,
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
    signal: (signal) => void child.kill(signal),
  }
}

/** Runs `tocsin serve` where it is expected to end by itself; resolves with what it said. */
export async function serveToEnd(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [MAIN, 'serve', '-c', join(folder, 'tocsin.yaml')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

function readyLine(
  child: ChildProcessWithoutNullStreams,
  log: Record<string, unknown>[],
  errors: () => string,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const entry = JSON.parse(line) as Record<string, unknown>
        log.push(entry)
        if (entry['occurrence'] === 'service.ready') resolve(entry)
      }
    })
    child.on('exit', (code, signal) => {
      reject(new Error(`the service ended (${code ?? signal}) before it was ready: ${errors()}`))
    })
  })
}
