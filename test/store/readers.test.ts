import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openSqliteReaders } from '../../src/store/sqlite/readers.ts'
import { change, openKeyOf, request, T0, tinyDecide } from './builders.ts'
import { sqliteHarness } from './sqlite-harness.ts'

describe('the readers on SQLite', () => {
  it('read from another thread while the core commits, and never a half commit', async () => {
    const harness = await sqliteHarness()
    const store = await harness.open()
    await store.claim('core', T0)
    const worker = new Worker(new URL('read-thread.ts', import.meta.url), {
      workerData: { file: harness.file, wanted: 200 },
    })
    const told = once(worker, 'message')
    for (let no = 1; no <= 200; no++) {
      const over = { id: `e${no}`, group: { no: String(no) }, groupKey: `["${no}"]` }
      await store.commit(request(no, [change('opened', over)]), tinyDecide, openKeyOf)
    }
    const [{ reads, torn }] = (await told) as [{ reads: number; torn: number }]
    expect(reads).toBeGreaterThan(0)
    expect(torn).toBe(0)
    await worker.terminate()
    await harness.close()
  })

  it('cannot be opened before the core made the database', () => {
    expect(() => openSqliteReaders({ file: '/nowhere/tocsin.db' })).toThrow(/unable to open/)
  })
})
