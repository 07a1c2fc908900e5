import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { linesUntilKilled } from './kill-child.ts'
import { dumpSqlite } from './sqlite-harness.ts'

const CHILD = fileURLToPath(new URL('commit-child.ts', import.meta.url))

it('holds every acknowledged commit whole after each of 15 kill -9, without a hole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-kill-'))
  const file = join(folder, 'tocsin.db')
  let acknowledged = 0
  for (let cycle = 0; cycle < 15; cycle++) {
    const before = acknowledged
    const lines = await linesUntilKilled(CHILD, [file], 1 + ((cycle * 7) % 20))
    acknowledged = Number(lines.at(-1))
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
