import { execFileSync } from 'node:child_process'
import { mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type CommitRequest, type CoreStore, StoreWriteError } from '../../src/model/commit.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { change, openKeyOf, request, T0, tinyDecide } from '../store/builders.ts'
import { dumpSqlite } from '../store/sqlite-harness.ts'

/** SQLITE_FULL, https://www.sqlite.org/rescode.html#full. */
const FULL = 13

let folder: string
let store: CoreStore | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tocsin-full-'))
  // Needs root, like every test in this folder that says so.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
})
afterEach(async () => {
  await store?.close()
  execFileSync('umount', [folder])
  await rmdir(folder)
})

it('a full disk loses nothing that was committed, and the same commit succeeds when there is room', async () => {
  const file = join(folder, 'tocsin.db')
  store = await openSqliteStore({ file })
  await store.claim('core', T0)

  const { refused, error } = await commitUntilRefused(store)
  expect(error).toBeInstanceOf(StoreWriteError)
  expect(error).toMatchObject({ errcode: FULL, retryable: true })
  expect(error.message).toMatch(/the disk is full/)

  const full = dumpSqlite(file)
  expect(full['input_log']).toHaveLength(refused.firstNo - 1)
  expect(full['shard']).toMatchObject([{ next_no: refused.firstNo }])
  expect(full['episode']).toHaveLength((refused.firstNo - 1) * EPISODES)
  expect(integrity(file)).toBe('ok')
  // It stays full: a second try is refused in the same way, and still nothing is there.
  await expect(store.commit(refused, tinyDecide, openKeyOf)).rejects.toMatchObject({
    retryable: true,
  })
  expect(dumpSqlite(file)).toEqual(full)

  execFileSync('mount', ['-o', 'remount,size=64m', folder])
  const result = await store.commit(refused, tinyDecide, openKeyOf)
  expect(result.lastNo).toBe(refused.firstNo)
  expect(dumpSqlite(file)['episode']).toHaveLength(refused.firstNo * EPISODES)
  await store.commit(asked(refused.firstNo + 1), tinyDecide, openKeyOf)
  expect(integrity(file)).toBe('ok')
})

const EPISODES = 50

function asked(no: number): CommitRequest {
  const changes = Array.from({ length: EPISODES }, (_, i) => {
    const name = `${no}-${i}`
    return change('opened', { id: `e${name}`, group: { name }, groupKey: `["${name}"]` })
  })
  return request(no, changes)
}

/** Commits until the disk is full; a bound, so that a broken test ends. */
async function commitUntilRefused(
  store: CoreStore,
): Promise<{ refused: CommitRequest; error: Error }> {
  for (let no = 1; no < 5_000; no++) {
    const refused = asked(no)
    try {
      await store.commit(refused, tinyDecide, openKeyOf)
    } catch (error) {
      return { refused, error: error as Error }
    }
  }
  throw new Error('the disk did not become full')
}

function integrity(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database.prepare('PRAGMA integrity_check').get()?.['integrity_check']
  } finally {
    database.close()
  }
}
