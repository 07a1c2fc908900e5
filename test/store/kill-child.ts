import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Starts a child, kills it with `kill -9` after so many lines, and gives all that it wrote. */
export async function linesUntilKilled(
  child: string,
  args: readonly string[],
  count: number,
): Promise<string[]> {
  const running = spawn(process.execPath, [child, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(running, 'close')
  const lines: string[] = []
  for await (const line of createInterface({ input: running.stdout })) {
    if (lines.push(line) === count) running.kill('SIGKILL')
  }
  await closed
  if (running.signalCode === 'SIGKILL') return lines
  throw new Error(`the child ended with ${running.exitCode} before it was killed`)
}
