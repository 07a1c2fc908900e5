/** Argv and signals in, exit code out: the only file that touches the process. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

import { run } from './cli/program.ts'

const manifest = new URL('../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

const status = (text: string): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001B[2K${text}`)
}

// A reader such as `head` that has enough closes the pipe; that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  // oxlint-disable-next-line unicorn/no-process-exit -- nobody reads what would still come
  process.exit(0)
})

await run(
  process.argv.slice(2),
  {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    isTerminal: process.stdout.isTTY,
    status,
    env: process.env,
    exit: (code) => {
      process.exitCode = code
    },
  },
  {
    env: process.env,
    owner: `${hostname()}/${process.pid}`,
    version,
    cwd: process.cwd(),
    onSignal: (signal, handler) => void process.on(signal, handler),
    status,
    sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
    deadline: (ms) => new Promise((resolve) => void setTimeout(resolve, ms).unref()),
    // oxlint-disable-next-line unicorn/no-process-exit -- threads that hang would keep it alive
    end: (code) => process.exit(code),
  },
)
