import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { dumpSqlite } from './sqlite-harness.ts'

const CHILD = fileURLToPath(new URL('commit-child.ts', import.meta.url))

it('holds every acknowledged commit whole after each of 15 kill -9, without a hole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-kill-'))
  const file = join(folder, 'tocsin.db')
  let acknowledged = 0
  for (let cycle = 0; cycle < 15; cycle++) {
    const before = acknowledged
    acknowledged = await commitUntilKilled(file, 1 + ((cycle * 7) % 20))
    expect(acknowledged).toBeGreaterThan(before)
    const dump = dumpSqlite(file)
    const numbers = dump['input_log']!.map((row) => row['no'])
    // At most one commit, of two entries, was made whose answer nobody saw.
    expect(numbers.length - acknowledged).toBeOneOf([0, 2])
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
    const commits = numbers.length / 2
    expect(dump['shard']).toMatchObject([{ next_no: numbers.length + 1, epoch: cycle + 1 }])
    for (const table of ['episode', 'incident', 'outbox']) expect(dump[table]).toHaveLength(commits)
    expect(dump['slo_total']).toMatchObject([{ total: commits }])
  }
  const database = new DatabaseSync(file)
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
  database.close()
  await rm(folder, { recursive: true })
}, 60_000)

/** Kills the child after so many answers, and gives the last entry that it was answered. */
async function commitUntilKilled(file: string, answers: number): Promise<number> {
  const child = spawn(process.execPath, [CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  let last = 0
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (++count === answers) child.kill('SIGKILL')
  }
  await closed
  expect(child.signalCode).toBe('SIGKILL')
  return last
}
