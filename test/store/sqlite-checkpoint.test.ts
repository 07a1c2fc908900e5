import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openWriter } from '../../src/store/sqlite/connection.ts'
import { sqliteStoreOn } from '../../src/store/sqlite/core-store.ts'
import { checkpointContract } from '../contracts/checkpoint-contract.ts'
import { checkpointFailureContract } from '../contracts/checkpoint-failure-contract.ts'
import { entry, openKeyOf, request, T0, tinyDecide } from './builders.ts'
import { bucket, cycle } from './checkpoint-builders.ts'
import { dumpSqlite, sqliteHarness } from './sqlite-harness.ts'

checkpointContract('SQLite', sqliteHarness)
checkpointFailureContract('SQLite', sqliteHarness)

it('a call that SQLite could not write leaves nothing, and succeeds once there is room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-checkpoint-'))
  const file = join(folder, 'tocsin.db')
  const database = await openWriter(file)
  const store = sqliteStoreOn(database)
  await store.claim('owner', T0)
  await store.commit(request(1, [], { entries: [entry()] }), tinyDecide, openKeyOf)
  await store.saveCheckpoint([bucket()], cycle({ no: 1 }))
  const before = dumpSqlite(file)

  const { page_count: pages } = database.prepare('PRAGMA page_count').get()!
  database.exec(`PRAGMA max_page_count = ${Number(pages) + 4}`)
  const large = bucket({ bucket: 7, blob: new Uint8Array(100_000) })
  const work = () => store.saveCheckpoint([bucket({ bucket: 5 }), large], cycle({ no: 2 }))
  // SQLITE_FULL, https://www.sqlite.org/rescode.html#full.
  await expect(work()).rejects.toMatchObject({
    name: 'StoreWriteError',
    errcode: 13,
    retryable: true,
  })
  expect(dumpSqlite(file)).toEqual(before)

  database.exec('PRAGMA max_page_count = 1000000')
  await work()
  expect(dumpSqlite(file)['checkpoint']).toHaveLength(3)
  await store.close()
  await rm(folder, { recursive: true })
})
