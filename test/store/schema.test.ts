import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { COLUMNS } from '../../src/store/columns.ts'
import { openWriter } from '../../src/store/sqlite/connection.ts'

describe('the schema on SQLite', () => {
  let folder: string
  let database: DatabaseSync

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tocsin-schema-'))
    database = await openWriter(join(folder, 'tocsin.db'))
  })
  afterEach(async () => {
    database.close()
    await rm(folder, { recursive: true })
  })

  it('has exactly the tables and columns that the types name', () => {
    const tables = database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'")
      .all()
      .map((row) => String(row['name']))
      .filter((name) => !name.startsWith('kysely_'))
    const found = Object.fromEntries(
      tables.map((table) => [
        table,
        Object.fromEntries(
          database
            .prepare('SELECT name, type FROM pragma_table_info(?)')
            .all(table)
            .map((row) => [row['name'], String(row['type']).toLowerCase()]),
        ),
      ]),
    )
    expect(found).toEqual(COLUMNS)
  })

  it('is strict: a value of the wrong type is refused', () => {
    const insert = database.prepare(
      'INSERT INTO ruleset (hash, content, created_ms) VALUES (?, ?, ?)',
    )
    expect(() => insert.run('h', 'c', 1.5)).toThrow(/cannot store REAL value in INTEGER column/)
  })

  it('reads the outbox through its partial indexes, however much was ever sent', () => {
    const plan = (sql: string) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => row['detail'])
        .join('; ')
    expect(
      plan("SELECT id FROM outbox WHERE state = 'pending' AND next_ms <= 5 ORDER BY next_ms, seq"),
    ).toMatch(/USING (COVERING )?INDEX outbox_next/)
    expect(
      plan(
        "SELECT next_ms FROM outbox WHERE state = 'pending' AND next_ms > 0 ORDER BY next_ms LIMIT 1",
      ),
    ).toMatch(/USING (COVERING )?INDEX outbox_next/)
    expect(plan("SELECT count(*) FROM outbox WHERE state = 'dead' GROUP BY receiver")).toMatch(
      /USING (COVERING )?INDEX outbox_dead/,
    )
  })

  it('is made once: opening again changes nothing, and several may open at once', async () => {
    const file = join(folder, 'another.db')
    const opening = Array.from({ length: 3 }, async () => {
      const worker = new Worker(new URL('open-thread.ts', import.meta.url), {
        workerData: { file },
      })
      const [exitCode] = (await once(worker, 'exit')) as [number]
      return exitCode
    })
    expect(await Promise.all(opening)).toEqual([0, 0, 0])
    const again = await openWriter(file)
    const files = readdirSync(new URL('../../src/store/migrations', import.meta.url))
    const migrations = files.filter((name) => /^\d/.test(name)).length
    expect(again.prepare('SELECT name FROM kysely_migration').all()).toHaveLength(migrations)
    again.close()
  })

  it('keeps what a commit returned for: WAL with synchronous=FULL and foreign keys', () => {
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0]
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('synchronous')).toBe(2)
    expect(pragma('foreign_keys')).toBe(1)
  })
})
