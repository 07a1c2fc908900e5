import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { firstTables } from '../../src/store/migrations/001-first-tables.ts'
import { checkpoints } from '../../src/store/migrations/002-checkpoints.ts'
import { rulesetOrigin } from '../../src/store/migrations/003-ruleset-origin.ts'
import { kyselyOn } from '../../src/store/sqlite/connection.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { T0 } from './builders.ts'

const ORIGIN = { commit: 'c0ffee', isDirty: false, pullRequest: 12, approver: 'Ann' } as const
const ROW = { git_commit: 'c0ffee', is_dirty: 0, pull_request: 12, approver: 'Ann' } as const

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-origin-'))
  file = join(folder, 'tocsin.db')
})

afterEach(() => rmSync(folder, { recursive: true }))

function origins(): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true })
  const rows = database
    .prepare('SELECT git_commit, is_dirty, pull_request, approver FROM ruleset ORDER BY hash')
    .all()
  database.close()
  return rows.map((row) => ({ ...row }))
}

it('keeps where a rule set came from, and the latest where that changes', async () => {
  const store = await openSqliteStore({ file })
  await store.claim('owner', T0)
  await store.saveRuleset('h1', 'content', T0, { ...ORIGIN, isDirty: true, approver: null })
  await store.saveRuleset('h2', 'content', T0)
  const unknown = { git_commit: null, is_dirty: null, pull_request: null, approver: null }
  expect(origins()).toEqual([{ ...ROW, is_dirty: 1, approver: null }, unknown])
  await store.saveRuleset('h1', 'content', T0 + 1, ORIGIN)
  await store.saveRuleset('h2', 'content', T0 + 1, ORIGIN)
  expect(origins()).toEqual([ROW, ROW])
  await store.saveRuleset('h1', 'content', T0 + 2, null)
  expect(origins()[0]).toEqual(ROW)
  await store.close()
})

it('is unknown for rule sets of a database that was there before', async () => {
  const database = new DatabaseSync(file)

  for (const migration of [firstTables('sqlite'), checkpoints('sqlite')]) {
    await migration.up(kyselyOn(database))
  }
  database.exec("INSERT INTO ruleset (hash, content, created_ms) VALUES ('h0', 'content', 1)")
  await rulesetOrigin('sqlite').up(kyselyOn(database))
  database.close()
  expect(origins()).toEqual([
    { git_commit: null, is_dirty: null, pull_request: null, approver: null },
  ])
})
